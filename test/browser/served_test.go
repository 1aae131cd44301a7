package browser

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// HEAD has the header of GET and no body, and pages accept no other methods.
func TestServed(t *testing.T) {
	base := testenv.Start(t).Base
	lengths := map[string]int64{}
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", 200, "<!doctype html>"},
		{"HEAD", "/", 200, ""},
		{"GET", "/progress", 200, "<!doctype html>"},
		{"GET", "/web/chat.js", 200, "//"},
		{"POST", "/", 405, `{"code":4000,"msg":"method POST is not served at /"`},
		{"GET", "/web/none.js", 404, `{"code":4200,"msg":"no such path: /web/none.js"`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, base+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close() // it is read
		if err != nil || res.StatusCode != test.status || !strings.HasPrefix(string(body), test.body) || test.body == "" && len(body) > 0 {
			t.Errorf("%s %s: got %d %.80q, %v", test.method, test.path, res.StatusCode, body, err)
		}
		lengths[test.method+test.path] = res.ContentLength
	}
	if lengths["HEAD/"] != lengths["GET/"] || lengths["GET/"] < 1000 {
		t.Errorf("lengths are %v", lengths)
	}
}

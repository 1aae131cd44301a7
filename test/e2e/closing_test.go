package e2e

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"testing"
)

// A reply after which the connection is closed says so: nginx, which asks for that by
// default, would else keep the connection and send the next request into its end.
func TestClosingIsTold(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v3/chat" {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		_, _ = io.WriteString(w, "event:done\ndata:\"[DONE]\"\n\n")
	}))
	defer up.Close()
	base := start(t, "--upstream="+up.URL, "--bot-id=1")
	for _, target := range []string{"POST /v3/chat", "GET /v3/chat", "GET /v1/x", "HEAD /v1/x", "GET /nothing"} {
		for asked, want := range map[string]bool{"close": true, "keep-alive": false} {
			conn := dial(t, base)
			if _, err := io.WriteString(conn, target+" HTTP/1.1\r\nHost: x\r\nConnection: "+asked+"\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			reply := textproto.NewReader(bufio.NewReader(conn))
			if _, err := reply.ReadLine(); err != nil {
				t.Fatal(err)
			}
			header, err := reply.ReadMIMEHeader()
			if err != nil {
				t.Fatal(err)
			}
			if got := header.Values("Connection"); slices.Contains(got, "close") != want || len(got) > 1 {
				t.Errorf("%s, asked for %s: got Connection %q", target, asked, got)
			}
			_ = conn.Close() // it has served
		}
	}
}

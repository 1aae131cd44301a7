package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// A client's malformed chunks are the client's fault, and not the upstream's: the metric
// that pages operators does not count them. Valid extensions are accepted.
func TestChunksOfClients(t *testing.T) {
	t.Parallel()
	up := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %v", body, err)
	})
	base := testenv.Start(t, "--upstream="+up).Base
	for _, path := range []string{"/v1/files/upload", "/v3/chat", "/v3/chat/retrieve"} {
		for _, test := range []struct{ name, body, want string }{
			{"malformed", "xyz\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 400 "},
			{"malformed later", "5\r\nhello\r\n5\nhello\r\n0\r\n\r\n", "HTTP/1.1 400 "},
			{"too long a chunk", "4\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 400 "},
			{"extensions", "2;a=b\r\n{}\r\n0;c=\"d\"\r\n\r\n", "HTTP/1.1 200 "},
		} {
			answer := sendBytes(t, base, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"+test.body)
			if !strings.HasPrefix(answer, test.want) {
				t.Errorf("%s: %s: got %.300q, want %s", path, test.name, answer, test.want)
			}
		}
	}
	_, metrics := send(t, "GET", base+"/metrics")
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "typewriter_upstream_errors_total{") && !strings.HasSuffix(line, " 0\n") {
			t.Errorf("upstream errors: %s", line)
		}
	}
}

package e2e

import (
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// Pages of other sites, also those whose name was rebound to a loopback address, cannot use
// the server's token, whichever route they ask for. Other clients can.
func TestPagesCannotUseTheToken(t *testing.T) {
	t.Parallel()
	up := newRecordingUpstream(t)
	base := testenv.Start(t, "--upstream="+up.URL, "--upstream-token=SERVERTOKEN", "--bot-id=1",
		"--cors-origins=https://page.example", "--hosts=chat.example").Base
	ask := func(line, header string) string {
		return sendBytes(t, base, line+" HTTP/1.1\r\n"+header+"Connection: close\r\n\r\n")
	}
	const localhost, image = "Host: localhost\r\n", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n"
	lines := []string{
		"GET /v3/chat?message=x", "POST /v3/chat", "GET /ai/summarize?text=x", "POST /ai/summarize", "POST /v1/bots/publish", "GET /v1/x",
		"POST /v1/workflow/stream_run", "POST /v1/chat/completions", "GET /typewriter/streams/aaaaaaaaaaaaaaaaaaaaaaaaaa",
	}
	for _, line := range lines {
		for header, want := range map[string]string{
			image: "--cors-origins", localhost + "Origin: https://evil.example\r\n": "--cors-origins", "Host: evil.example\r\n": "--hosts",
		} {
			if answer := ask(line, header); !strings.HasPrefix(answer, "HTTP/1.1 403 ") || !strings.Contains(answer, want) {
				t.Errorf("%s with %q: got %.300q", line, header, answer)
			}
		}
	}
	if got := up.requests(); len(got) != 0 {
		t.Errorf("upstream got %q", got)
	}
	_, metrics := send(t, "GET", base+"/metrics")
	for _, reason := range []string{"cross_site", "unknown_host"} {
		if strings.Contains(metrics, `rejected_total{reason="`+reason+`"} 0`) {
			t.Errorf("rejections for %s are not counted", reason)
		}
	}
	for _, header := range []string{
		localhost, "Host: chat.example:80\r\n", "Host: 10.0.0.1\r\n", image + "Origin: https://page.example\r\n",
		localhost + "Sec-Fetch-Site: same-origin\r\n", "Host: evil.example\r\nAuthorization: Bearer own\r\n",
	} {
		if answer := ask("GET /v3/chat?message=x", header); !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
			t.Errorf("%q: got %.300q", header, answer)
		}
	}
}

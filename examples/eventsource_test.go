package examples

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/internal/testenv/chromium"
)

// The page shows the whole answer and nothing else, and its title the end of the stream.
func TestPage(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, "--speed=100").Base
	server, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v3/", httputil.NewSingleHostReverseProxy(server))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "eventsource.html") })
	origin := httptest.NewServer(mux)
	t.Cleanup(origin.Close)

	const ask = `1:2 & "3" 👩‍👧 秋天`
	tests := []struct {
		name, scenario, ending string
		answered               bool
	}{
		{"answer", "/fast ", "done", true},
		{"escapes", "/escapes ", "done", true},
		{"error in the stream", "/error-event ", "error {", false},
		{"truncated stream", "/failed ", "rejected", false},
		{"error instead of a stream", "/error-json ", "rejected", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var text, title string
			err := chromedp.Run(chromium.NewWindow(t),
				chromedp.Navigate(origin.URL+"/?message="+url.QueryEscape(test.scenario+ask)),
				chromedp.Poll(`document.title !== "EventSource"`, nil, chromedp.WithPollingTimeout(testenv.Patience)),
				chromedp.Title(&title),
				chromedp.Evaluate(`document.getElementById("answer").textContent`, &text),
			)
			if err != nil || !strings.HasPrefix(title, test.ending) {
				t.Errorf("ended with %q, want %q; error %v", title, test.ending, err)
			}
			if !test.answered {
				return
			}
			if want := answer(t, base, test.scenario+ask); text != want {
				t.Errorf("shows\n%s\nwant\n%s", text, want)
			}
		})
	}
}

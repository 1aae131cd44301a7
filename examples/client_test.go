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

// The page shows the whole answer, also after a reload in the middle, and its title the end.
func TestClientPage(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, "--max-lag=1m").Base
	server, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(server)
	proxy.FlushInterval = -1
	mux := http.NewServeMux()
	for _, path := range []string{"/v3/", "/typewriter/", "/web/"} {
		mux.Handle(path, proxy)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "client.html") })
	origin := httptest.NewServer(mux)
	t.Cleanup(func() {
		origin.CloseClientConnections()
		origin.Close()
	})

	const ask = `1:2 & "3" 👩‍👧 秋天`
	tests := []struct {
		name, scenario, ending string
		answered               bool
	}{
		{"answer", "/fast ", "done", true},
		{"error in the stream", "/error-event ", "failed 5000", false},
		{"error instead of a stream", "/error-json ", "rejected 4101", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var text, spoken, title string
			actions := []chromedp.Action{chromedp.Navigate(origin.URL + "/?message=" + url.QueryEscape(test.scenario+ask))}
			if test.answered {
				half := chromedp.Poll(`document.getElementById("answer").textContent.length > 10`, nil, chromedp.WithPollingTimeout(testenv.Patience))
				actions = append(actions, half, chromedp.Reload(), half)
			}
			actions = append(actions,
				chromedp.Poll(`document.title !== "JavaScript client"`, nil, chromedp.WithPollingTimeout(testenv.Patience)),
				chromedp.Title(&title),
				chromedp.Evaluate(`document.getElementById("answer").textContent`, &text),
				chromedp.Evaluate(`document.getElementById("spoken").textContent.trim()`, &spoken),
			)
			if err := chromedp.Run(chromium.NewWindow(t), actions...); err != nil || !strings.HasPrefix(title, test.ending) {
				t.Errorf("ended with %q, want %q; error %v", title, test.ending, err)
			}
			if !test.answered {
				return
			}
			if want := answer(t, base, test.scenario+ask); text != want || spoken != strings.TrimSpace(want) {
				t.Errorf("shows\n%s\nand says\n%s\nwant\n%s", text, spoken, want)
			}
		})
	}
}

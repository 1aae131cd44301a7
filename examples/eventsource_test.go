package examples

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"sse-typewriter/internal/testenv"
)

// browser starts Chromium for the duration of the test, and returns its context.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: no page is tested")
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(timeout))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // waits for the browser to exit
	return ctx
}

// The page shows exactly the answer, and its outcome.
func TestPage(t *testing.T) {
	ctx := browser(t)
	base := testenv.Start(t, "--speed=100").Base
	server, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v3/", httputil.NewSingleHostReverseProxy(server))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "eventsource.html") })
	origin := httptest.NewServer(mux)
	defer origin.Close()

	const ask = `1:2 & "3" 👩‍👧 秋天`
	tests := []struct {
		name, scenario, ending string
		answered               bool
	}{
		{"answer", "/fast ", "done", true},
		{"escapes", "/escapes ", "done", true},
		{"error in the stream", "/error-event ", "error {", false},
		{"stream that breaks off", "/failed ", "rejected", false},
		{"error instead of a stream", "/error-json ", "rejected", false},
	}
	for _, test := range tests {
		var text, title string
		err := chromedp.Run(ctx,
			chromedp.Navigate(origin.URL+"/?message="+url.QueryEscape(test.scenario+ask)),
			chromedp.Poll(`document.title !== "EventSource"`, nil, chromedp.WithPollingTimeout(timeout)),
			chromedp.Title(&title),
			chromedp.Evaluate(`document.getElementById("answer").textContent`, &text),
		)
		if err != nil || !strings.HasPrefix(title, test.ending) {
			t.Errorf("%s: ended with %q, want %q; error %v", test.name, title, test.ending, err)
		}
		if !test.answered {
			continue
		}
		if want := answer(t, base, test.scenario+ask); text != want {
			t.Errorf("%s: shows\n%s\nwant\n%s", test.name, text, want)
		}
	}
}

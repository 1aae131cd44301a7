package browser

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// closeBrowser ends the browser, if it was started.
var closeBrowser = func() {}

// browser starts the one that all tests share.
var browser = sync.OnceValues(func() (context.Context, error) {
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium()),
		chromedp.WSURLReadTimeout(patience),
	}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync",
		// Pages of tests that run at the same time are all in front.
		"disable-background-timer-throttling", "disable-renderer-backgrounding", "disable-backgrounding-occluded-windows",
		"disable-dev-shm-usage",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	closeBrowser = func() {
		cancel()
		cancelAllocator()
	}
	if err := chromedp.Run(ctx); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", chromium(), err)
	}
	return ctx, nil
})

// chromium returns the browser's path, or "" if none is installed.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// newWindow returns a context for a page in a window of its own: in a tab behind others
// nothing is drawn. Tests share no storage all the same, since the port of each one's
// server makes it another origin.
func newWindow(t *testing.T) context.Context {
	t.Helper()
	if chromium() == "" {
		t.Skip("Chromium is not installed: scripts/install-test-deps does that")
	}
	shared, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	var id target.ID
	if err := chromedp.Run(shared, chromedp.ActionFunc(func(ctx context.Context) error {
		id, err = target.CreateTarget("about:blank").WithNewWindow(true).Do(cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser))
		return err
	})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(shared, chromedp.WithTargetID(id))
	t.Cleanup(cancel)
	return ctx
}

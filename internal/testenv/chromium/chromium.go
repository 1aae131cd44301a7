// Package chromium runs Chromium for tests of pages.
package chromium

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"sse-typewriter/internal/testenv"
)

// Close ends the browser if a test started it. TestMain calls Close after the tests.
func Close() { closeBrowser() }

var closeBrowser = func() {}

// start starts the browser shared by all tests of a package.
var start = sync.OnceValues(func() (context.Context, error) {
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path()),
		chromedp.WSURLReadTimeout(testenv.Patience),
	}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync",
		// Tests run in parallel, but each expects its page to be in the foreground.
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
		return nil, fmt.Errorf("cannot start %s: %w", path(), err)
	}
	return ctx, nil
})

// path returns the browser's path, or "" if none is installed.
func path() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// NewWindow opens a window and returns the context of the page. The end of the test closes
// the window. Pages of servers at different ports share no storage. Without Chromium, and
// under -short, NewWindow skips the test.
//
// Each page has a separate window because Chromium does not draw background tabs.
func NewWindow(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no page is tested")
	}
	if path() == "" {
		t.Skip("Chromium is not installed: run scripts/install-test-deps")
	}
	shared, err := start()
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

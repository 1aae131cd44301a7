package browser

import (
	"context"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// before runs a script before those of a page.
func before(script string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := cdp.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	})
}

// fastClock makes the clock and the timers of a page 8 times as fast.
const fastClock = `(() => {
	const [begin, now, setT, setI] = [Date.now(), Date.now, setTimeout, setInterval];
	Date.now = () => begin + (now() - begin) * 8;
	window.setTimeout = (f, ms, ...args) => setT(f, ms / 8, ...args);
	window.setInterval = (f, ms, ...args) => setI(f, ms / 8, ...args);
})()`

// A dead server ends the answer after a minute with words and a button, which continues the
// answer.
func TestServerIsGone(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		c.say("first, ")
		c.await(goOn)
		c.say("second.")
		c.end()
	})
	g := newGateway(t, testenv.Start(t, "--upstream="+u.URL, "--resume-grace=5m").Base)
	p := open(t, g.URL, "/", before(fastClock))
	p.expect("net::ERR_")
	p.expect("502")
	p.ask("x")
	p.until("the first part is there", messages+`?.textContent === "first,"`)
	g.refuse(502, "")
	g.CloseClientConnections()
	p.untilState("reconnecting")
	p.untilState("failed")
	// A refusal that took too long counts as none.
	if got := eval[string](p, `document.querySelector(".problem p").textContent`); got != "The server is busy or restarting." && got != "The server cannot be reached." {
		t.Errorf("the problem is %q", got)
	}
	g.refuse(0, "")
	give()
	p.click(".problem button")
	p.untilState("done")
	if got := p.answerText(); got != "first, second." {
		t.Errorf("the answer is %q", got)
	}
	if got := u.questions(); len(got) != 1 {
		t.Errorf("the service got %q", got)
	}
}

// A server that cannot be reached at all, and a key that the service refuses.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := testenv.Start(t)
	way := startTCPProxy(t, server.Base)
	p := open(t, way.base, "/", before(fastClock))
	p.expect("net::ERR_")
	server.Stop(t)
	way.cut()
	p.ask("x")
	p.untilState("failed")
	if got := eval[string](p, `document.querySelector(".problem p").textContent`); got != "The server cannot be reached." {
		t.Errorf("the problem is %q", got)
	}
}

// While the network is away, the page waits for it.
func TestOffline(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		c.say("first, ")
		c.await(goOn)
		c.say("second.")
		c.end()
	})
	g := newGateway(t, testenv.Start(t, "--upstream="+u.URL).Base)
	p := open(t, g.URL, "/")
	p.expect("net::ERR_")
	p.ask("x")
	p.until("the first part is there", messages+`?.textContent === "first,"`)
	p.do(chromedp.Evaluate(`Object.defineProperty(navigator, "onLine", {value: false, configurable: true})`, nil))
	g.CloseClientConnections()
	p.untilState("offline")
	p.do(chromedp.Evaluate(`delete navigator.onLine; dispatchEvent(new Event("online"))`, nil))
	p.until("it is connected", `document.querySelector("#state").dataset.state === "typing"`)
	give()
	p.untilState("done")
	if got := p.answerText(); got != "first, second." {
		t.Errorf("the answer is %q", got)
	}
}

// A server that does not know whom to ask says so to its operator.
func TestNoBot(t *testing.T) {
	t.Parallel()
	p := open(t, testenv.Start(t, "--upstream="+newUpstream(t, sayOK).URL, "--bot-id=").Base, "/")
	p.expect("400")
	p.ask("x")
	p.untilState("failed")
	if got := eval[string](p, `document.querySelector(".problem p").textContent`); !strings.Contains(got, "--bot-id") || strings.Contains(got, "4000") {
		t.Errorf("the problem is %q", got)
	}
}

// The form says whether this server wants a key or the service refuses the token.
func TestTokenIsRefused(t *testing.T) {
	t.Parallel()
	p := open(t, testenv.Start(t).Base, "/")
	p.expect("401")
	p.ask("/error-401 x")
	p.untilState("failed")
	if got := eval[string](p, `document.querySelector("#key-label").textContent`); !strings.Contains(got, "refused the token") {
		t.Errorf("the form says %q", got)
	}
}

// Blocked or broken storage costs the reader only what would be stored.
func TestStorage(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, "--upstream="+newUpstream(t, sayOK).URL).Base
	for name, script := range map[string]string{
		"blocked": `for (const name of ["localStorage", "sessionStorage", "indexedDB"]) Object.defineProperty(window, name, {get() { throw new DOMException("denied", "SecurityError"); }})`,
		"full":    `Storage.prototype.setItem = IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); }`,
		"broken":  `localStorage.setItem("typewriter.tempo", "{"); sessionStorage.setItem("typewriter.key", "\"")`,
		"foreign": `localStorage.setItem("typewriter.tempo", "7"); sessionStorage.setItem("typewriter.key", "null")`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, base, "/", before(script))
			p.choose("mode", "raw")
			p.ask("x")
			p.untilState("done")
			if got := p.answerText(); got != "ok" {
				t.Errorf("the answer is %q", got)
			}
			p.click("#new")
			p.untilState("ready")
			p.click("#undo")
			p.untilShown("x: ok")
		})
	}
}

// In Safari, the Enter that accepts the proposal of an input method has only a key code.
func TestComposing(t *testing.T) {
	t.Parallel()
	p := open(t, testenv.Start(t, "--upstream="+newUpstream(t, sayOK).URL).Base, "/")
	p.write("ni")
	eval[bool](p, `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", keyCode: 229, bubbles: true, cancelable: true}))`)
	if got := eval[string](p, `document.querySelector("#question").value`); got != "ni" {
		t.Errorf("the field has %q", got)
	}
}

// The whole conversation is printed, on as many pages as it takes.
func TestPrint(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.say(strings.Repeat("A paragraph.\n\n", 200))
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	p.choose("mode", "raw")
	p.ask("x")
	p.untilState("done")
	var pdf []byte
	p.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		pdf, _, err = cdp.PrintToPDF().Do(ctx)
		return err
	}))
	if pages := strings.Count(string(pdf), "/Type /Page\n"); pages < 4 {
		t.Errorf("printed are %d pages, want several", pages)
	}
}

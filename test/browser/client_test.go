package browser

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"sse-typewriter/internal/testenv"

	"github.com/chromedp/chromedp"
)

// A POST whose reply is lost is repeated, and the service is asked once.
func TestLostReply(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, sayOK)
	server, err := url.Parse(testenv.Start(t, "--upstream="+u.URL).Base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(server)
	proxy.FlushInterval = -1
	var posts atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && posts.Add(1) < 3 {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // closes the connection
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	p := open(t, front.URL, "/")
	p.expect("net::ERR_")
	p.ask("x")
	p.untilState("done")
	if got := p.answerText(); got != "ok" {
		t.Errorf("the answer is %q", got)
	}
	if posts.Load() != 3 || len(u.questions()) != 1 {
		t.Errorf("%d requests, %d questions; want 3 and 1", posts.Load(), len(u.questions()))
	}
}

// A connection that is silent for too long is given up, although it is open.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		c.say("first, ")
		c.await(goOn)
		c.say("second.")
		c.end()
	})
	way := startTCPProxy(t, testenv.Start(t, "--upstream="+u.URL).Base)
	p := open(t, way.base, "/", before(fastClock))
	p.ask("x")
	p.until("the first part is there", messages+`?.textContent === "first,"`)
	way.hold()
	give()
	p.untilState("done")
	if got := p.answerText(); got != "first, second." {
		t.Errorf("the answer is %q", got)
	}
	if got := p.sent("/typewriter/streams/"); len(got) < 2 || !strings.Contains(got[len(got)-1], " after ") {
		t.Errorf("requests %q", got)
	}
}

// When the network is back or the page visible again, the client does not wait for the next
// retry.
func TestWakeUp(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		c.say("first, ")
		c.await(goOn)
		c.say("second.")
		c.end()
	})
	g := newGateway(t, testenv.Start(t, "--upstream="+u.URL).Base)
	// Retries never come by themselves: only timers of up to 150 ms run.
	p := open(t, g.URL, "/", before(`(() => {
		const real = setTimeout;
		window.setTimeout = (f, ms, ...args) => ms > 150 ? 0 : real(f, ms, ...args);
	})()`))
	p.expect("net::ERR_")
	p.ask("x")
	p.until("the first part is there", messages+`?.textContent === "first,"`)
	for _, event := range []string{"online", "pageshow", "visibilitychange"} {
		g.CloseClientConnections()
		p.untilState("reconnecting")
		p.do(chromedp.Evaluate(`dispatchEvent(new Event(`+quote(event)+`))`, nil))
		p.untilState("typing")
	}
	give()
	p.untilState("done")
	if got := p.answerText(); got != "first, second." {
		t.Errorf("the answer is %q", got)
	}
}

// A bound of the lag applies to the running answer at once.
func TestLagOfRunningAnswer(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("慢慢来。", 500)
	u := newUpstream(t, func(c *chat) {
		c.say(text)
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL, "--max-lag=1m", "--max-tail=1m").Base, "/")
	p.choose("speed", "0.5")
	p.ask("x")
	p.until("it is being typed", messages+`?.textContent.length > 3`)
	p.choose("lag", "0.5s")
	p.until("it says what that means", `document.querySelector("#means").textContent.includes("at most 0.5 s behind")`)
	p.until("the rest comes faster", messages+`.textContent.length > 500`)
	if got := p.sent("max_lag=0.5s"); len(got) != 1 || !strings.Contains(got[0], " after ") {
		t.Errorf("requests %q", p.sent("max_lag"))
	}
}

// A long question shows that it can be scrolled, by keyboard too.
func TestLongBubble(t *testing.T) {
	t.Parallel()
	p := open(t, testenv.Start(t, "--upstream="+newUpstream(t, sayOK).URL).Base, "/")
	const bubble = `document.querySelector(".question .text")`
	p.ask(strings.Repeat("line\n", 50) + "end")
	p.until("there is more below", bubble+`.matches(".more[tabindex='0']")`)
	p.do(chromedp.Evaluate(bubble+`.scrollTop = 10000`, nil))
	p.until("that is the end", bubble+`.matches(":not(.more)")`)
}

// At the width of a small phone, the bar and the controls fit on one line each.
func TestSmallPhone(t *testing.T) {
	t.Parallel()
	for _, languages := range []string{"en", "zh"} {
		p := open(t, testenv.Start(t, "--upstream="+newUpstream(t, sayOK).URL).Base, "/", inLanguage(languages), chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile))
		p.ask("x")
		p.untilState("done")
		for _, row := range []string{".bar", ".row"} {
			const centers = `Math.max(...(c => c.map(a => Math.abs(a - c[0])))([...document.querySelector(%ROW%).children].filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect()).map(r => (r.top + r.bottom) / 2)))`
			if got := eval[float64](p, strings.ReplaceAll(centers, "%ROW%", quote(row))); got > 3 {
				t.Errorf("%s: in %s, parts are %v px apart", languages, row, got)
			}
		}
	}
}

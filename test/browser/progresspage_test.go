package browser

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sse-typewriter/internal/testenv"
)

// watchBar records the values of the bar.
const watchBar = `(() => {
	window.values = [];
	const bar = document.querySelector("#progress");
	new MutationObserver(() => values.push(Number(bar.getAttribute("aria-valuenow")))).observe(bar, {attributes: true, attributeFilter: ["aria-valuenow"]});
	return true;
})()`

// bar is the drawn value of the bar, in percent.
const bar = `Math.round(parseFloat(document.querySelector("#fill").style.width))`

func TestProgress(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		c.say("# Short\n\n", strings.Repeat("words ", 50))
		c.await(goOn)
		c.say("*end*")
		c.end()
	})
	way := startTCPProxy(t, testenv.Start(t, "--upstream="+u.URL).Base)
	p := open(t, way.base, "/progress")
	p.expect("net::ERR_")
	eval[bool](p, watchBar)
	text := strings.Repeat("A long text. ", 5000)
	p.write(text)
	p.press(kb.Tab)
	p.enter()
	p.until("the job is at work", `document.querySelector("#message").textContent.startsWith("Writing the summary")`)
	p.watchStates()
	way.cut()
	p.until("it has reconnected", `states.includes("Reconnecting…")`)
	give()
	p.untilState("done")
	p.until("the result is formatted", `document.querySelector("#result h1 + p em")`)
	values := eval[[]int](p, "values")
	if !slices.IsSorted(values) || values[len(values)-1] != 100 || len(slices.Compact(slices.Clone(values))) < 4 {
		t.Errorf("the bar moved to %v", values)
	}
	if got := eval[int](p, bar); got != 100 {
		t.Errorf("the bar ends at %d", got)
	}
	if q := u.questions(); len(q) != 1 || !strings.Contains(q[0].message, strings.TrimSpace(text)) {
		t.Errorf("%d chats, want 1 with the text", len(q))
	}
	if got := eval[string](p, `document.querySelector("#progress").getAttribute("aria-valuetext")`); got != "100% Done" {
		t.Errorf("the bar says %q", got)
	}
}

// A reload continues the job, and keeps the text. A failed job can be tried again.
func TestProgressReload(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	tries := 0
	u := newUpstream(t, func(c *chat) {
		if tries++; tries == 1 {
			c.send("error", map[string]any{"code": 5000, "msg": "no model"})
			return
		}
		c.say("so far")
		c.await(goOn)
		c.say(", *and on*")
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/progress")
	p.write("a text")
	p.click("#send")
	p.untilState("failed")
	p.click("#again")
	p.untilState("working")
	p.until("the retry is gone", `document.querySelector("#again").hidden`)
	p.do(chromedp.Reload())
	p.until("the job goes on", `document.querySelector("#send").textContent === "Stop" && document.querySelector("#text").value === "a text"`)
	give()
	p.untilState("done")
	p.until("the result is formatted", `document.querySelector("#result em")?.textContent === "and on"`)
	if got := u.questions(); len(got) != 2 {
		t.Errorf("the service got %d questions, want 2", len(got))
	}
}

func TestProgressStop(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.say("so far")
		c.await(nil)
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/progress")
	p.write("x")
	p.click("#send")
	p.untilState("working")
	p.until("the button stops", `document.querySelector("#send").textContent === "Stop"`)
	p.press(kb.Escape)
	p.untilState("stopped")
	testenv.Eventually(t, "the chat is cancelled", u.isCancelled)
	if !eval[bool](p, `document.querySelector("#outcome").hidden && document.querySelector("#send").textContent === "Summarize"`) {
		t.Error("it does not look stopped")
	}
}

func TestProgressFails(t *testing.T) {
	t.Parallel()
	tries := 0
	u := newUpstream(t, func(c *chat) {
		if tries++; tries == 1 {
			c.send("error", map[string]any{"code": 5000, "msg": "no model"})
			return
		}
		c.say("fine")
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/progress")
	p.write("x")
	p.click("#send")
	p.untilState("failed")
	if got := eval[string](p, `document.querySelector("#message").textContent`); got != "The AI service says: no model (code 5000)" {
		t.Errorf("message is %q", got)
	}
	p.click("#send") // once more
	p.untilState("done")
	p.until("the result is there", `document.querySelector("#result").textContent.trim() === "fine"`)
}

package browser

import (
	"reflect"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// shown is the questions and answers in the page.
const shown = `[...document.querySelectorAll(".turn")].map(t => t.querySelector(".question .text").textContent + ": " + (t.querySelector(".messages")?.textContent ?? ""))`

// untilShown waits for the questions and answers.
func (p *page) untilShown(want ...string) {
	p.t.Helper()
	defer func() {
		if p.t.Failed() {
			p.t.Logf("shown is %q", eval[[]string](p, shown))
		}
	}()
	testenv.Eventually(p.t, "the page shows "+strings.Join(want, " | "), func() bool {
		got := eval[[]string](p, shown)
		return reflect.DeepEqual(got, want) || len(got) == 0 && len(want) == 0
	})
}

// half answers "I heard X", and after a signal ", again" to the question "slow".
func half(t *testing.T) (u *upstream, give func()) {
	t.Helper()
	goOn, give := signal(t)
	return newUpstream(t, func(c *chat) {
		c.say("I heard ", c.question)
		if c.question == "slow" {
			c.await(goOn)
			c.say(", again")
		}
		c.end()
	}), give
}

// A reload in the middle of an answer continues at the next character, with the turns
// before it. Another tab shows the same.
func TestReload(t *testing.T) {
	t.Parallel()
	u, give := half(t)
	base := testenv.Start(t, "--upstream="+u.URL).Base
	p := open(t, base, "/")
	p.ask("one")
	p.untilState("done")
	p.ask("slow")
	p.untilShown("one: I heard one", "slow: I heard slow")
	p.do(chromedp.Reload())
	p.untilShown("one: I heard one", "slow: I heard slow")
	other := openAny(t, base, "/"+eval[string](p, "location.hash"))
	other.untilShown("one: I heard one", "slow: I heard slow")
	give()
	for _, tab := range []*page{p, other} {
		tab.untilState("done")
		tab.untilShown("one: I heard one", "slow: I heard slow, again")
	}
	other.ask("three")
	p.untilShown("one: I heard one", "slow: I heard slow, again", "three: I heard three")
	if got, want := u.questions(), []question{{"", "one"}, {"77", "slow"}, {"77", "three"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("the service got %q, want %q", got, want)
	}
	if got := p.sent("/typewriter/streams/"); len(got) < 3 || !strings.Contains(got[2], " after ") {
		t.Errorf("after the reload the page asked for %q, want the rest of the stream", got)
	}
}

// Chats are kept in the browser: the reader goes back and forward, renames and deletes.
func TestHistoryPanel(t *testing.T) {
	t.Parallel()
	u, give := half(t)
	give()
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	for _, text := range []string{"one", "two"} {
		p.ask(text)
		p.untilState("done")
		p.click("#new")
		p.untilState("ready")
	}
	p.click("#undo")
	p.untilShown("two: I heard two")
	p.do(chromedp.Evaluate("history.back()", nil))
	p.untilShown("one: I heard one")
	p.do(chromedp.Evaluate("history.forward()", nil))
	p.untilShown("two: I heard two")

	const titles = `[...document.querySelectorAll("#chats a")].map(a => a.textContent)`
	untilTitles := func(want ...string) {
		t.Helper()
		p.until("the titles are "+strings.Join(want, ", "), `JSON.stringify(`+titles+`) === JSON.stringify(`+quoteAll(want)+`)`)
	}
	p.click("#show-history")
	untilTitles("two", "one")
	p.click("#chats li:last-child button")
	p.write("first")
	p.enter()
	untilTitles("two", "first")
	p.click("#chats li:first-child button")
	p.write("second")
	p.enter()
	untilTitles("second", "first")
	p.press(kb.Escape)
	p.ask("more")
	p.untilState("done")
	p.click("#show-history")
	untilTitles("second", "first")
	p.click("#chats li:last-child a")
	p.untilShown("one: I heard one")
	if got := eval[string](p, `document.querySelector("h1#title").textContent`); got != "first" {
		t.Errorf("the heading is %q", got)
	}
	p.click("#show-history")
	p.click("#chats li:last-child button:last-child")
	untilTitles("second")
	p.untilShown()
	p.click("#delete-all")
	untilTitles("second")
	p.click("#delete-all")
	untilTitles()
	p.press(kb.Escape)
	p.do(chromedp.Reload())
	p.untilState("ready")
	p.untilShown()
}

func quoteAll(texts []string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = quote(text)
	}
	return "[" + strings.Join(out, ",") + "]"
}

// A failed answer can be tried again, a complete one asked for again, a question edited
// and recalled.
func TestAgain(t *testing.T) {
	t.Parallel()
	tries := 0
	u := newUpstream(t, func(c *chat) {
		if tries++; tries == 1 {
			c.say("part")
			c.send("error", map[string]any{"code": 5000, "msg": "no model"})
			return
		}
		c.say("answer to ", c.question)
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	p.choose("mode", "raw")
	p.ask("one")
	p.untilState("failed")
	p.untilShown("one: partno model (5000)Try again")
	p.click(".problem button")
	p.untilShown("one: answer to one")
	p.untilState("done")
	p.click(".tools .again")
	p.until("it is asked again", `document.querySelector("#state").dataset.state === "done" && performance.getEntriesByType("resource").filter(e => e.name.includes("/v3/chat")).length === 3`)
	p.untilShown("one: answer to one")
	p.ask("two")
	p.untilState("done")
	p.do(chromedp.Evaluate(`document.querySelector(".question .edit").click()`, nil))
	p.write(" and a half")
	p.enter()
	p.untilShown("one and a half: answer to one and a half")
	p.untilState("done")
	p.press(kb.ArrowUp)
	if got := eval[string](p, `document.querySelector("#question").value`); got != "one and a half" {
		t.Errorf("recalled is %q", got)
	}
	p.press(kb.ArrowDown)
	if got := eval[string](p, `document.querySelector("#question").value`); got != "" {
		t.Errorf("after that the field has %q", got)
	}
	if got, want := u.questions(), []question{{"", "one"}, {"77", "one"}, {"77", "one"}, {"77", "two"}, {"", "one and a half"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("the service got %q, want %q", got, want)
	}
}

package browser

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sse-typewriter/internal/testenv"
)

// watch records each text of the answer while it is typed.
const watch = `(() => {
	window.seen = [];
	new MutationObserver(() => {
		const text = document.querySelector(".messages > .text")?.textContent;
		if (text && text !== seen.at(-1)) seen.push(text);
	}).observe(document.querySelector("#log"), {childList: true, subtree: true, characterData: true});
	return true;
})()`

// The answer grows monotonically to the upstream's text and is then formatted.
func TestAnswerIsTyped(t *testing.T) {
	t.Parallel()
	pieces := []string{"# 你好\n\n这是 e", "\u0301，和 👨\u200d", "👩\u200d👧。\n第二", "行\u2028 <b>&amp;\n\n", "- *一*\n- 二\n", "\n", "end"}
	u := newUpstream(t, func(c *chat) {
		c.say(pieces...)
		c.end("more?", "<i>why</i>?")
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL, "--max-tail=1m").Base, "/")
	p.choose("speed", "1")
	eval[bool](p, watch)
	p.ask("how?")
	p.untilState("done")
	seen := eval[[]string](p, "seen")
	for i := 1; i < len(seen); i++ {
		if !strings.HasPrefix(seen[i], seen[i-1]) {
			t.Errorf("after %q came %q", seen[i-1], seen[i])
		}
	}
	if len(seen) < 5 { // fewer frames on a busy machine
		t.Errorf("in %d steps came %q", len(seen), seen)
	}
	p.until("the answer is formatted", messages+`.querySelector("h1 + p + ul > li > em")`)
	const plain = "你好这是 e\u0301，和 👨\u200d👩\u200d👧。第二行\u2028 <b>&一二end"
	if got := p.answerText(); got != plain {
		t.Errorf("formatted it is %q", got)
	}
	if got := eval[[]string](p, `[...document.querySelectorAll(".answer .suggestions button")].map(b => b.textContent)`); !reflect.DeepEqual(got, []string{"more?", "<i>why</i>?"}) {
		t.Errorf("suggested is %q", got)
	}
}

// The conversation continues, also by a suggestion, until the user starts a new one.
func TestConversation(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.say("I heard " + c.question)
		c.end("next")
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	p.choose("mode", "raw")
	p.ask("one")
	p.untilState("done")
	p.click(".answer .suggestions button")
	p.until("the suggestion is answered", messages+`.textContent.trim() === "I heard next"`)
	p.untilState("done")
	p.click("#new")
	p.untilState("ready")
	if n := eval[int](p, `document.querySelector("#log").childElementCount`); n != 0 {
		t.Errorf("a new chat begins with %d entries", n)
	}
	p.ask("two")
	p.untilState("done")
	if got, want := u.questions(), []question{{"", "one"}, {"77", "next"}, {"", "two"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("upstream got %q, want %q", got, want)
	}
}

// A question may be longer than a URL.
func TestLongQuestion(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, sayOK)
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	question := strings.Repeat("很长的问题 & <more>?\n", 2000) + "end"    // 100 KB in a URL
	p.do(chromedp.SetValue("#question", question, chromedp.ByQuery)) // Chromium is slow to type so much
	p.enter()
	p.untilState("done")
	if got := u.questions(); len(got) != 1 || got[0].message != question {
		t.Errorf("%d questions came", len(got))
	}
}

// After two cuts of the connection the page reconnects and shows the whole answer.
func TestCut(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		c.say("第一部分，", "first part. ")
		c.await(goOn)
		c.say("第二部分，", "second part.")
		c.end()
	})
	way := startTCPProxy(t, testenv.Start(t, "--upstream="+u.URL).Base)
	p := open(t, way.base, "/")
	p.expect("net::ERR_")
	p.choose("speed", "10")
	p.watchStates()
	p.ask("x")
	p.until("the first part is there", messages+`?.textContent === "第一部分，first part."`)
	way.cut()
	p.until("it has reconnected", `states.includes("Reconnecting…")`)
	give()
	p.until("something of the second part is there", messages+`.textContent.includes("第二")`)
	way.cut()
	p.untilState("done")
	if got, want := p.answerText(), "第一部分，first part. 第二部分，second part."; strings.TrimSpace(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	states := strings.Join(eval[[]string](p, "states"), " ")
	if want := "Connecting… Typing… Reconnecting… Typing… "; !strings.HasPrefix(states, want) || !strings.HasSuffix(states, " Done") {
		t.Errorf("the page said %q, want %q and so on", states, want)
	}
	if n := len(u.questions()); n != 1 {
		t.Errorf("%d chats, want 1", n)
	}
}

// An EventSource gives up when a gateway answers that the server is unreachable for a
// moment. The page retries.
func TestBadGateway(t *testing.T) {
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
	p.expect("502")
	p.ask("x")
	p.until("the first part is there", messages+`?.textContent === "first,"`)
	g.refuse(502, "")
	g.CloseClientConnections()
	testenv.Eventually(t, "the page has been refused", func() bool { return g.refusals() > 1 })
	g.refuse(0, "")
	give()
	p.untilState("done")
	if got := strings.TrimSpace(p.answerText()); got != "first, second." {
		t.Errorf("got %q", got)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*page){
		"button": func(p *page) { p.click("#send") },
		"key":    func(p *page) { p.press(kb.Escape) },
		"new":    func(p *page) { p.click("#new") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone, leave := signal(t)
			u := newUpstream(t, func(c *chat) {
				c.say("so far. ")
				c.await(nil)
				leave()
			})
			p := open(t, testenv.Start(t, "--upstream="+u.URL, "--resume-grace=2s").Base, "/")
			p.ask("x")
			p.until("the text is there", messages+`?.textContent === "so far."`)
			stop(p)
			if name == "new" {
				p.untilState("ready")
			} else {
				p.untilState("stopped")
			}
			if name == "new" { // the reader may come back within the grace
				testenv.Receive(t, "the server leaves the service", gone)
				return
			}
			testenv.Eventually(t, "the chat is cancelled", u.isCancelled)
			if got := p.sent("DELETE "); len(got) != 1 || !strings.Contains(got[0], "?at=") {
				t.Errorf("requests %q, want the position of the reader", got)
			}
			if strings.TrimSpace(p.answerText()) != "so far." {
				t.Errorf("left is %q", p.answerText())
			}
		})
	}
}

// Stop cancels the request before the service has answered.
func TestStopEarly(t *testing.T) {
	t.Parallel()
	gone, leave := signal(t)
	u := newGateway(t, "")
	u.hang = leave
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	p.ask("x")
	p.untilState("connecting")
	testenv.Eventually(t, "the question has come", func() bool { return u.refusals() > 0 })
	p.click("#send")
	p.untilState("stopped")
	testenv.Receive(t, "the request is canceled", gone)
}

// Skip types the backlog immediately, which would take minutes at this speed.
func TestSkip(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("慢慢来。", 500)
	u := newUpstream(t, func(c *chat) {
		c.say(text)
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL, "--max-lag=1m", "--max-tail=1m").Base, "/")
	p.choose("speed", "0.5")
	p.ask("x")
	p.until("it is being typed", messages+`?.textContent.length > 0`)
	p.click("#skip")
	p.until("all is there", messages+`.textContent.trim().length === 2000`)
	p.untilState("done")
	if strings.TrimSpace(p.answerText()) != text {
		t.Errorf("got %q", p.answerText())
	}
	if hidden := eval[bool](p, `document.querySelector("#skip").hidden`); !hidden {
		t.Error("there is still something to skip")
	}
}

// A complete answer causes no more requests, though an EventSource would reconnect
// after a second.
func TestQuietAfterTheEnd(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, sayOK)
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	p.ask("x")
	p.until("the answer is formatted", messages+`?.querySelector(".formatted")`)
	p.untilState("done")
	before := p.sent("")
	time.Sleep(10 * time.Second) // what does not come cannot be waited for otherwise
	if after := p.sent(""); len(after) != len(before) {
		t.Errorf("requests after the end: %q", after[len(before):])
	}
	if chats, streams := p.sent("/v3/chat"), p.sent("/typewriter/streams/"); len(chats) != 1 || len(streams) != 1 {
		t.Errorf("requests %q, %q", chats, streams)
	}
}

// An error is shown in words, and the text so far stays.
func TestProblems(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t).Base
	for _, test := range []struct{ scenario, problem, text string }{
		{"/error-json", "you have no permission for this bot (4101)", ""},
		{"/error-429", "too many requests, try again later (4013)", ""},
		{"/html", "The reply is not from the server. Does the network require a login?", ""},
		{"/failed", "event interval error (5000)", "You said"},
		{"/error-event", "the model is not available (5000)", "You said"},
		{"/tool", "The AI requested a tool that this page does not support.", ""},
	} {
		t.Run(test.scenario[1:], func(t *testing.T) {
			t.Parallel()
			p := open(t, base, "/")
			p.expect("Failed to load resource")
			p.choose("mode", "raw")
			p.ask(test.scenario + " hello")
			p.untilState("failed")
			if got := eval[string](p, `document.querySelector(".problem p").textContent`); got != test.problem {
				t.Errorf("problem is %q, want %q", got, test.problem)
			}
			if got := p.answerText(); !strings.HasPrefix(got, test.text) {
				t.Errorf("left is %q", got)
			}
			if busy := eval[string](p, `document.querySelector("#send").title`); busy != "Send" {
				t.Errorf("the button says %q", busy)
			}
		})
	}
}

// The page understands all of the stand-in's events: thoughts, several messages, a
// card, and bare events without a type.
func TestKinds(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t).Base
	for _, test := range []struct{ question, condition string }{
		{"/reasoning hello", `document.querySelector(".thoughts .text")?.textContent.includes("Let me think") && !document.querySelector(".thoughts").open && !` + messages + `.querySelector(".formatted")?.textContent.includes("Let me")`},
		{"/messages hello", messages + `.querySelectorAll(".formatted").length === 3`},
		{"/unknown hello", `!` + messages + `.textContent.includes("card_type")`},
		{"你好，请介绍一下 Coze SSE", messages + `.querySelector(".formatted")?.textContent.trim() === "你好，这是 Coze SSE"`},
	} {
		t.Run(test.question, func(t *testing.T) {
			t.Parallel()
			p := open(t, base, "/")
			p.choose("mode", "raw")
			p.ask(test.question)
			p.untilState("done")
			p.until("it is shown so", test.condition)
		})
	}
}

// The page sends the reader's API key in every request.
func TestAPIKey(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.say("**ok**")
		c.end()
	})
	g := newGateway(t, testenv.Start(t, "--upstream="+u.URL).Base)
	g.refuse(401, "the key of readers")
	p := open(t, g.URL, "/")
	p.expect("401")
	p.ask("x")
	p.until("the page asks for a key", `document.activeElement.id === "key-value"`)
	p.write("wrong")
	p.enter()
	p.until("it is refused", `document.activeElement.id === "key-value" && document.activeElement.value === ""`)
	p.write("the key of readers")
	p.enter()
	p.until("the answer is formatted", messages+`?.querySelector(".formatted strong")`)
	if n := eval[int](p, `document.querySelectorAll(".turn").length`); n != 1 {
		t.Errorf("%d turns are shown, want 1", n)
	}
	if len(u.questions()) != 1 {
		t.Errorf("upstream got %d questions", len(u.questions()))
	}
}

package browser

import (
	"fmt"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// inLanguage sets the preferred languages of the browser.
func inLanguage(languages string) chromedp.Action {
	return emulation.SetUserAgentOverride("Mozilla/5.0 Chrome/1").WithAcceptLanguage(languages)
}

// preferring sets the value of a CSS media feature.
func preferring(feature, value string) chromedp.Action {
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: feature, Value: value}})
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t).Base
	for _, test := range []struct{ languages, lang, chat, job string }{
		{"zh-CN,zh,en", "zh-CN", "今天想读点什么？", "开始总结"},
		{"zh-TW", "zh-CN", "今天想读点什么？", "开始总结"},
		{"en-GB,zh", "en", "What would you like to read?", "Summarize"},
		{"fr,zh", "zh-CN", "今天想读点什么？", "开始总结"},
		{"fr", "en", "What would you like to read?", "Summarize"},
	} {
		t.Run(test.languages, func(t *testing.T) {
			t.Parallel()
			p := open(t, base, "/", inLanguage(test.languages))
			if got := eval[string](p, `document.documentElement.lang + " " + document.querySelector("h1").textContent`); got != test.lang+" "+test.chat {
				t.Errorf("got %s", got)
			}
			p.do(chromedp.Navigate(base + "/progress"))
			p.untilState("ready")
			if got := eval[string](p, `document.querySelector("#send").textContent`); got != test.job {
				t.Errorf("got %s", got)
			}
		})
	}
}

// With reduced motion the text appears as it arrives.
func TestReducedMotion(t *testing.T) {
	t.Parallel()
	p := open(t, testenv.Start(t, "--upstream="+newUpstream(t, sayOK).URL).Base, "/", preferring("prefers-reduced-motion", "reduce"))
	p.ask("hello")
	p.untilState("done")
	if got := p.sent("mode=raw"); len(got) != 1 {
		t.Errorf("requests %q", p.sent(""))
	}
	if running := eval[int](p, `document.getAnimations().length`); running != 0 {
		t.Errorf("%d animations", running)
	}
}

// Mode and speed apply to the next answer too and are kept for the next visit.
func TestTempo(t *testing.T) {
	t.Parallel()
	base := testenv.Start(t, "--upstream="+newUpstream(t, sayOK).URL).Base
	p := open(t, base, "/")
	p.choose("mode", "smooth")
	p.choose("speed", "10")
	p.do(chromedp.Navigate(base + "/"))
	p.untilState("ready")
	p.ask("hello")
	p.untilState("done")
	if got := p.sent("?mode=smooth&speed=10"); len(got) != 1 {
		t.Errorf("requests %q", p.sent(""))
	}
}

// A new tempo applies to the running answer, without loss or repetition.
func TestTempoOfRunningAnswer(t *testing.T) {
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
	p.choose("speed", "10")
	p.until("it is typed on", messages+`.textContent.length > 20`)
	p.choose("mode", "raw")
	p.untilState("done")
	if strings.TrimSpace(p.answerText()) != text {
		t.Errorf("got %d bytes, want %d", len(p.answerText()), len(text))
	}
	for _, want := range []string{"mode=typewriter&speed=10", "mode=raw&speed=10"} {
		if got := p.sent(want); len(got) != 1 || !strings.Contains(got[0], " after ") {
			t.Errorf("requests with %s: %q", want, got)
		}
	}
	if got := p.sent("/v3/chat"); len(got) != 1 {
		t.Errorf("chats %q", got)
	}
}

// On a phone the page fits the width in both languages, and its controls are large
// enough to touch.
func TestPhone(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.say("# "+strings.Repeat("long", 50), "\n\n```\n"+strings.Repeat("code ", 100)+"\n```\n\n|a|b|\n|-|-|\n|"+strings.Repeat("cell ", 30)+"|"+strings.Repeat("wide", 30)+"|\n")
		c.end("a question that is so long that it does not fit on one line of a phone")
	})
	base := testenv.Start(t, "--upstream="+u.URL).Base
	for _, languages := range []string{"en", "zh"} {
		p := open(t, base, "/", inLanguage(languages), chromedp.EmulateViewport(360, 640, chromedp.EmulateMobile))
		p.choose("mode", "raw")
		const sizes = `JSON.stringify([document.documentElement.scrollWidth, document.documentElement.scrollHeight, document.querySelector("#scroller").scrollWidth - document.querySelector("#scroller").clientWidth])`
		p.ask(strings.Repeat("wide", 100))
		p.until("it is formatted", messages+`?.querySelector("table")`)
		if got := eval[string](p, sizes); got != "[360,640,0]" {
			t.Errorf("%s: chat: sizes %s", languages, got)
		}
		p.do(chromedp.Navigate(base + "/progress"))
		p.untilState("ready")
		if got := eval[string](p, sizes); got != "[360,640,0]" {
			t.Errorf("%s: progress: sizes %s", languages, got)
		}
	}
}

// hasFocus is true while an element of the page has the focus.
const hasFocus = `document.activeElement && document.activeElement !== document.body && document.activeElement.checkVisibility()`

// The keyboard reaches every function, and the focus is never lost.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		c.say("It is said.")
		if c.question == "first" {
			c.await(goOn)
		}
		c.end("second")
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	focused := func(want string) {
		t.Helper()
		if !eval[bool](p, hasFocus) {
			t.Errorf("want the focus at %s, it is lost", want)
		} else if !eval[bool](p, `document.activeElement.matches(`+quote(want)+`)`) {
			t.Errorf("want the focus at %s, it is at %s", want, eval[string](p, `document.activeElement.outerHTML`))
		}
	}
	focused("#question")
	p.write("fir")
	p.enter(input.ModifierShift)
	if got := eval[string](p, `document.querySelector("#question").value`); got != "fir\n" {
		t.Errorf("after Shift and Enter the question is %q", got)
	}
	p.press(kb.Backspace)
	p.write("st")
	// Enter accepts the proposal of an input method and does not send the question.
	if sent := eval[bool](p, `!document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))`); sent {
		t.Error("a question is sent while it is composed")
	}
	p.enter()
	p.until("it is typed", messages+`?.textContent === "It is said."`)
	focused("#question")
	p.press(kb.Tab)
	focused("#tempo summary")
	p.press(kb.Tab)
	focused("#skip")
	p.enter()
	p.until("skip is gone", `document.querySelector("#skip").hidden`)
	focused("#question")
	give()
	p.untilState("done")
	for range 10 {
		p.do(input.DispatchKeyEvent(input.KeyDown).WithKey("Tab").WithCode("Tab").WithWindowsVirtualKeyCode(9).WithModifiers(input.ModifierShift))
		if eval[bool](p, `document.activeElement.matches(".suggestions button")`) {
			break
		}
	}
	focused(".suggestions button")
	p.enter()
	p.until("the question is sent", `document.querySelectorAll(".turn").length === 2`)
	p.untilState("done")
	focused("#scroller")
	p.do(chromedp.Focus("#new", chromedp.ByQuery))
	p.enter()
	p.untilState("ready")
	focused("#question")
}

// A screen reader announces finished sentences, once each. Sentences that are typed in the
// same frame are announced together.
func TestScreenReader(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		c.say("# 标题\n", "第一句。第", "二句")
		c.await(goOn)
		c.say("。Costs 3.50 in *all*. The end")
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	p.choose("speed", "10")
	eval[bool](p, `(() => {
		window.heard = [];
		new MutationObserver(changes => {
			for (const c of changes) for (const n of c.addedNodes) heard.push(n.textContent);
		}).observe(document.querySelector("[aria-live=polite][role=log]"), {childList: true, subtree: true, characterData: true});
		return true;
	})()`)
	p.ask("x")
	p.until("the first half is typed", messages+`?.textContent.endsWith("二句")`)
	announced := func() string { return strings.Join(strings.Fields(strings.Join(eval[[]string](p, "heard"), "")), "") }
	if got := announced(); got != "标题第一句。" {
		t.Errorf("announced so far: %s", got)
	}
	give()
	p.untilState("done")
	if got := announced(); got != "标题第一句。第二句。Costs3.50inall.Theend" {
		t.Errorf("announced: %s", got)
	}
	p.until("the region is empty again", `document.querySelector("#announcements").textContent === ""`)
	if n := eval[int](p, `document.querySelectorAll("#log [aria-live], #log[aria-live], main[aria-live]").length`); n != 0 {
		t.Error("single characters are announced, too")
	}
}

// The page scrolls with the text unless the reader has scrolled up. Formatting an
// answer does not move the line that is being read.
func TestScrolling(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		for i := range 60 {
			c.say(fmt.Sprintf("## Head %d\n\n- **item** `of` %d\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nparagraph-%d\n\n", i, i, i))
		}
		c.await(goOn)
		c.say("the last line\n")
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	p.choose("mode", "raw")
	p.ask("x")
	p.until("much is there", messages+`?.textContent.includes("paragraph-59")`)
	const fromEnd = `(s => Math.round(s.scrollHeight - s.scrollTop - s.clientHeight))(document.querySelector("#scroller"))`
	p.until("the end is shown", fromEnd+` < 2`)
	p.do(input.DispatchMouseEvent(input.MouseWheel, 300, 300).WithDeltaX(0).WithDeltaY(-2500))
	p.until("the reader is up", fromEnd+` > 2000`)
	// The line being read is the first one that begins below the upper edge. Its
	// position:
	const read = `(() => {
		const edge = document.querySelector("#scroller").getBoundingClientRect().top;
		const walker = document.createTreeWalker(` + messages + `, NodeFilter.SHOW_TEXT);
		const places = {};
		for (let n; (n = walker.nextNode());) {
			for (const m of n.data.matchAll(/Head \d+/g)) {
				const r = document.createRange();
				r.setStart(n, m.index);
				r.setEnd(n, m.index + 1);
				places[m[0]] = r.getBoundingClientRect().top - edge;
			}
		}
		return places;
	})()`
	before := eval[map[string]float64](p, read)
	top := eval[float64](p, `document.querySelector("#scroller").scrollTop`)
	give()
	p.untilState("done")
	p.until("it is formatted", messages+`.querySelector(".formatted h2")`)
	if got := eval[string](p, messages+`.textContent`); !strings.Contains(got, "the last line") {
		t.Error("the last line is missing")
	}
	after := eval[map[string]float64](p, read)
	nearest, moved := "", 0.0
	for head, y := range before {
		if y < 0 && (nearest == "" || y > before[nearest]) {
			nearest = head
		}
	}
	if moved = after[nearest] - before[nearest]; moved > 60 || moved < -60 { // a heading's margin, and half of a block above
		t.Errorf("%s moved by %v; scrolled from %v to %v", nearest, moved, top, eval[float64](p, `document.querySelector("#scroller").scrollTop`))
	}
	p.click("#latest")
	p.until("the end is shown", fromEnd+` < 2`)
}

// Text has the contrast that WCAG 2.2 AA requires, in light and dark mode.
func TestContrast(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.think("It is a question.")
		c.say("> quoted, `code` and [a link](https://example.com)")
		c.end("next")
	})
	base := testenv.Start(t, "--upstream="+u.URL).Base
	for _, scheme := range []string{"light", "dark"} {
		for _, path := range []string{"/", "/progress"} {
			p := open(t, base, path, preferring("prefers-color-scheme", scheme))
			if path == "/" {
				p.choose("mode", "raw")
				p.ask("hello")
				p.until("it is formatted", messages+`?.querySelector(".formatted")`)
			}
			for _, low := range eval[[]string](p, contrast) {
				t.Errorf("%s %s: %s", scheme, path, low)
			}
		}
	}
}

// contrast returns the texts whose contrast ratio is below 4.5.
const contrast = `(() => {
	const parse = c => c.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
	const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; } };
	const low = [];
	for (const e of document.querySelectorAll("body *")) {
		if (!e.checkVisibility() || e.closest(".unseen, .icon") || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
		const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
		const ratio = (a + .05) / (b + .05);
		if (ratio < 4.5) low.push(ratio.toFixed(2) + " " + e.outerHTML.slice(0, 80));
	}
	return low;
})()`

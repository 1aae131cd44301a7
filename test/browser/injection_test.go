package browser

import (
	"encoding/json"
	"testing"

	"sse-typewriter/internal/testenv"
)

// injections are texts of a model that try to run a script or to load something.
var injections = []string{
	`<script>pwned()</script>`, `<script src="https://evil.invalid/x.js"></script>`, `<ScRiPt>pwned()</sCrIpT>`, `<<script>script>pwned()</script>`, "<script\n>pwned()</script\n>",
	`<img src=x onerror=pwned()>`, `<img src="https://evil.invalid/a.png">`, `<image src=x onerror=pwned()>`, `<img/src/onerror=pwned()>`, `<img src=x:x onerror="pwned()"`,
	`<svg onload=pwned()>`, `<svg><script>pwned()</script></svg>`, `<svg><animate onbegin=pwned() attributeName=x>`, `<svg><use href="https://evil.invalid/#x">`, `<math><mi xlink:href="javascript:pwned()">x</mi></math>`,
	`<iframe src="javascript:pwned()">`, `<iframe srcdoc="<script>parent.pwned()</script>">`, `<object data="https://evil.invalid/">`, `<embed src="https://evil.invalid/">`, `<video src="https://evil.invalid/" onerror=pwned()>`,
	`<body onload=pwned()>`, `<input autofocus onfocus=pwned()>`, `<details open ontoggle=pwned()>`, `<marquee onstart=pwned()>`, `<a href="javascript:pwned()">x</a>`,
	`<style>@import "https://evil.invalid/x.css"</style>`, `<link rel=stylesheet href="https://evil.invalid/x.css">`, `<base href="https://evil.invalid/">`, `<meta http-equiv=refresh content="0;url=https://evil.invalid/">`, `<form action="https://evil.invalid/"><button>`,
	`[a](javascript:pwned())`, `[a](JAVASCRIPT:pwned())`, `[a]( javascript:pwned())`, `[a](<javascript:pwned()>)`, "[a](java\nscript:pwned())",
	`[a](java&#115;cript:pwned())`, `[a](javascript&colon;pwned())`, `[a](&#x6A&#x61&#x76&#x61script:pwned())`, `[a](data:text/html;base64,PHNjcmlwdD5wd25lZCgpPC9zY3JpcHQ+)`, `[a](vbscript:pwned())`,
	"[a]\n\n[a]: javascript:pwned()", `<javascript:pwned()>`, `<javascript&colon;pwned()>`, `[a](//evil.invalid/)`, `[a](file:///etc/passwd)`,
	`![a](https://evil.invalid/b.png)`, `![a](javascript:pwned())`, `![a"onerror="pwned()](x)`, `[![a](https://evil.invalid/b.png)](javascript:pwned())`, `![a](data:image/svg+xml,<svg onload=pwned()>)`,
	"```\"onmouseover=\"pwned()\n<script>pwned()</script>\n```", "```html\n<img src=x onerror=pwned()>\n```", "`<script>pwned()</script>`", "    <script>pwned()</script>", "``` <script>pwned()</script>\nx",
	`$\href{javascript:pwned()}{x}$`, `$\htmlData{onclick=pwned()}{x}$`, `$\includegraphics{https://evil.invalid/a.png}$`, `$$\url{javascript:pwned()}$$`, `\(\htmlStyle{background:url(https://evil.invalid/)}{x}\)`,
	`|<script>pwned()</script>|` + "\n|-|\n|<img src=x onerror=pwned()>|", `[^<img src=x onerror=pwned()>]`, "[^a]: <script>pwned()</script>\n\nx[^a]", `- [x] <script>pwned()</script>`, `&lt;script&gt;pwned()&lt;/script&gt;`,
	"[a](https://example.com/ \"\\\" onclick=pwned() x=\")", `<!--><script>pwned()</script>-->`, `]]><script>pwned()</script>`, "\u0000<script>pwned()</script>", `{{constructor.constructor("pwned()")()}}`,
}

// render draws each text by the renderer of the page, a few characters at a time, and
// returns the links that are not safe.
const render = `(async texts => {
	window.called = [];
	window.pwned = () => called.push("script");
	const { LiveMarkdown } = await import("/web/markdown/live.js");
	const unsafe = [];
	await Promise.all(texts.map(async text => {
		const place = document.createElement("div");
		document.querySelector("#log").append(place);
		const live = new LiveMarkdown(place, () => {});
		for (let i = 0; i < text.length; i += 7) {
			live.write(text.slice(i, i + 7));
			await new Promise(requestAnimationFrame);
		}
		await live.end();
		for (const a of place.querySelectorAll("[href], [src], [action]")) if (!/^https:\/\/(example\.com|evil\.invalid)\//.test(a.href) || a.nodeName !== "A") unsafe.push(a.outerHTML);
		for (const e of place.querySelectorAll("*")) {
			e.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
			for (const { name } of e.attributes) if (name.startsWith("on")) unsafe.push(e.outerHTML);
		}
	}));
	await new Promise(resolve => setTimeout(resolve, 200));
	return unsafe;
})`

// No text of a model runs a script, loads anything or becomes an unsafe link.
func TestInjections(t *testing.T) {
	t.Parallel()
	p := open(t, testenv.Start(t).Base, "/")
	texts, err := json.Marshal(injections)
	if err != nil {
		t.Fatal(err)
	}
	if len(injections) < 60 {
		t.Errorf("only %d texts", len(injections))
	}
	for _, unsafe := range eval[[]string](p, render+"("+string(texts)+")") {
		t.Errorf("in the page is %s", unsafe)
	}
	p.checkHarmless()
}

// The reader's selection stays while the answer grows around it.
func TestSelection(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, source, more, last string }{
		{"code", "A paragraph with **bold** text and\n\n```go\nfunc f() {\n", "}\n```\n\nmore", "code"},
		{"paragraph", "A paragraph with **bold** text and\n\na second one", " that grows\n\nmore", "p:last-child"},
		{"list", "A paragraph with **bold** text and\n\n- a list\n- of items", " that grows\n- and grows\n\nmore", "li:last-child"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			goOn, give := signal(t)
			u := newUpstream(t, func(c *chat) {
				c.say(test.source)
				c.await(goOn)
				c.say(test.more)
				c.end()
			})
			p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
			p.choose("mode", "raw")
			p.ask("x")
			p.until("the first half is there", messages+`?.querySelector(`+quote(test.last)+`)?.textContent.length > 7`)
			before := eval[string](p, `(() => {
				const last = `+messages+`.querySelector(`+quote(test.last)+`).firstChild;
				getSelection().setBaseAndExtent(`+messages+`.querySelector("strong").firstChild, 1, last, 6);
				return getSelection().toString();
			})()`)
			give()
			p.untilState("done")
			if got := eval[string](p, `getSelection().toString()`); got != before || len(before) < 10 {
				t.Errorf("selected is %q, want %q", got, before)
			}
		})
	}
}

package browser

import (
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// rich is an answer with every kind of block.
const rich = `# Heading *one*

A paragraph with **bold text that is long**, ` + "`code in a line`" + `, ~~struck~~ and a [link](https://example.com/a?b=c "title").
A second line, and the formula \(E=mc^2\), then $a_1 + b_2$ for $5 or $6.

1. first item with **bold**
2. second item
   - nested
   - also nested

     with a paragraph

- [x] done
- [ ] to do

| left | center | right |
|:-----|:------:|------:|
| one | two | three |
| a longer cell | 2 | 3 |
| x | ` + "`y`" + ` | **z** |

` + "```go" + `
func main() {
	fmt.Println("hello, world") // a comment

	return
}
` + "```" + `

$$
\int_0^1 x^2 \, dx = \frac{1}{3}
$$

> A quotation
> of two lines

مرحبا بالعالم، هذا نص عربي.

A note[^n] and ![a picture](https://example.com/p.png) and [later][ref].

[^n]: The note.

[ref]: https://example.com/ref

The last paragraph is *unfinished`

// observeShifts sums the layout shifts from now on.
const observeShifts = `(() => {
	window.shifts = [];
	new PerformanceObserver(list => {
		for (const e of list.getEntries()) shifts.push([e.value, e.sources.map(s => s.node?.outerHTML?.slice(0, 60) ?? s.node?.data?.slice(0, 60)).join(" | ")]);
	}).observe({type: "layout-shift", buffered: false});
	return true;
})()`

// watchHeading notes whether the heading is formatted while the table is missing.
const watchHeading = `(() => {
	new MutationObserver(() => {
		if (document.querySelector("h1 > em") && !document.querySelector("table")) window.wasEarly = true;
	}).observe(document.querySelector("#log"), {childList: true, subtree: true});
	return true;
})()`

// drawHalf draws a text that is not complete, and returns the HTML.
const drawHalf = `(async text => {
	const { LiveMarkdown } = await import("/web/markdown/live.js");
	const place = document.createElement("div");
	document.querySelector("#log").append(place);
	await new Promise(resolve => new LiveMarkdown(place, resolve).write(text));
	for (const e of place.querySelectorAll("[dir]")) e.removeAttribute("dir");
	for (const e of place.querySelectorAll(".cursor, figcaption")) e.remove();
	return place.innerHTML;
})`

// What is open at the end is shown as it will be.
func TestHalfOpenMarkdown(t *testing.T) {
	t.Parallel()
	p := open(t, testenv.Start(t).Base, "/")
	for _, test := range []struct{ name, source, want string }{
		{"strong", "a **b c", "<p>a <strong>b c</strong></p>"},
		{"strong in emphasis", "*a **b", "<p><em>a <strong>b</strong></em></p>"},
		{"closed emphasis before", "*a* **b", "<p><em>a</em> <strong>b</strong></p>"},
		{"deleted", "~~a", "<p><del>a</del></p>"},
		{"code", "a `b *c", "<p>a <code>b *c</code></p>"},
		{"open in an earlier block", "a **b\n\nc", "<p>a **b</p><p>c</p>"},
		{"asterisk between spaces", "2 * 3", "<p>2 * 3</p>"},
		{"mark of a list or a heading", "a\n-", "<p>a</p>"},
		{"number of a list", "a\n1.", "<p>a</p>"},
		{"closing fence", "```\na\n``", `<figure class="code"><pre><code>a</code></pre></figure>`},
	} {
		if got := eval[string](p, drawHalf+"("+quote(test.source)+")"); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// Blocks are formatted while they grow, without a jump.
func TestLiveMarkdown(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(c *chat) {
		for line := range strings.SplitAfterSeq(rich, "\n") {
			c.say(line)
		}
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL, "--max-tail=1m", "--max-lag=1m").Base, "/")
	p.choose("speed", "10")
	eval[bool](p, observeShifts)
	eval[bool](p, watchHeading)
	p.ask("x")
	p.untilState("done")
	for _, test := range []struct{ name, selector, text string }{
		{"bold", "p strong", "bold text that is long"},
		{"code", "p > code", "code in a line"},
		{"struck", "p > del", "struck"},
		{"link", `p > a[href="https://example.com/a?b=c"][title=title]`, "link"},
		{"nested list", "ol[dir], ol > li > ul > li", "nested"},
		{"task", `li.task:has(> input[type=checkbox]:disabled:checked)`, " done"},
		{"open task", `li.task:has(> input[type=checkbox]:disabled:not(:checked))`, " to do"},
		{"head of a table", `th[data-align=center]`, "center"},
		{"cell of a table", `td[data-align=end] strong`, "z"},
		{"code block", `figure.code pre code`, "func main() {\n\tfmt.Println(\"hello, world\") // a comment\n\n\treturn\n}"},
		{"language", `figure.code figcaption > span`, "go"},
		{"keyword", `.code .hljs-keyword`, "func"},
		{"quotation", `blockquote p`, "A quotationof two lines"},
		{"Arabic", `p[dir=auto]:lang(en):nth-last-of-type(4)`, "مرحبا بالعالم، هذا نص عربي."},
		{"reference of a footnote", `sup.footnote-ref`, "n"},
		{"footnote", `p.footnote`, "n The note."},
		{"image", `a.image[href="https://example.com/p.png"]`, "a picture"},
		{"reference", `a[href="https://example.com/ref"]`, "later"},
		{"unfinished", `.text > p:last-child`, "The last paragraph is *unfinished"},
	} {
		p.until(test.name, messages+`.querySelector(`+quote(test.selector)+`)?.textContent === `+quote(test.text))
	}
	p.until("the formulas are drawn", messages+`.querySelectorAll(".math .katex math").length === 3`)
	if got := eval[[]string](p, `[...`+messages+`.querySelectorAll("annotation")].map(e => e.textContent.trim())`); strings.Join(got, "; ") != `E=mc^2; a_1 + b_2; \int_0^1 x^2 \, dx = \frac{1}{3}` {
		t.Errorf("formulas are %q", got)
	}
	if !eval[bool](p, "window.wasEarly === true") {
		t.Error("the heading was not formatted before the table came")
	}
	sum := eval[float64](p, `shifts.reduce((sum, [value]) => sum + value, 0)`)
	t.Logf("layout shift %.4f", sum)
	if sum >= 0.02 {
		t.Errorf("layout shift %.4f, want less than 0.02: %s", sum, eval[string](p, `JSON.stringify(shifts, null, 1)`))
	}
}

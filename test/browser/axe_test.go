package browser

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"sse-typewriter/internal/testenv"
)

// axe returns each violation that axe-core finds (https://dequeuniversity.com/rules/axe/),
// best practices included, with the elements.
const axe = `axe.run(document, {resultTypes: ["violations"]}).then(({violations}) =>
	violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html.slice(0, 120)).join(" | ")))`

// axe-core finds nothing on both pages, in light and dark mode and on a phone, before and
// after an answer.
func TestAxe(t *testing.T) {
	t.Parallel()
	testenv.InstallNPM(t, ".")
	script, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	u := newUpstream(t, func(c *chat) {
		c.think("It is a question.")
		c.say("# Title\n\n> quoted, `code` and [a link](https://example.com)\n\n- [x] done\n- [ ] open\n\n",
			"| a | b |\n|---|--:|\n| 1 | 2 |\n\n```go\nfunc main() { return \""+strings.Repeat("long ", 40)+"\" }\n```\n\n\\(E=mc^2\\)\n\n![an image](https://example.com/i.png)\n")
		c.end("next")
	})
	base := testenv.Start(t, "--upstream="+u.URL).Base
	phone := chromedp.EmulateViewport(390, 760, chromedp.EmulateMobile)
	for _, test := range []struct {
		name    string
		prepare []chromedp.Action
	}{
		{"light", []chromedp.Action{preferring("prefers-color-scheme", "light")}},
		{"dark", []chromedp.Action{preferring("prefers-color-scheme", "dark")}},
		{"phone", []chromedp.Action{preferring("prefers-color-scheme", "light"), phone}},
		{"dark phone", []chromedp.Action{preferring("prefers-color-scheme", "dark"), phone}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range []string{"/", "/progress"} {
				p := open(t, base, path, test.prepare...)
				p.do(chromedp.Evaluate(string(script), nil))
				check := func(when string) {
					t.Helper()
					for _, violation := range eval[[]string](p, axe) {
						t.Errorf("%s %s: %s", path, when, violation)
					}
				}
				check("before")
				if path == "/" {
					p.choose("mode", "raw")
					p.ask("hello")
					p.untilState("done")
					p.until("it is formatted", messages+`?.querySelector("table") && `+messages+`.querySelector(".katex")`)
				} else {
					p.write("A long text.")
					p.click("#send")
					p.until("the result is formatted", `document.querySelector("#result h1")`)
					p.untilState("done")
				}
				check("after")
			}
		})
	}
}

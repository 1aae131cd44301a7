package browser

import (
	"reflect"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// The main way through the chat page in Firefox: an answer is typed and formatted, goes on
// after a reload, and can be stopped; the conversation continues. Nothing violates the
// content security policy.
func TestFirefox(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		switch c.question {
		case "one":
			c.say("# Title\n\n- *a*\n- b\n\nfirst half, ")
			c.await(goOn)
			c.say("second half\n\n```go\nfunc main() {}\n```\n")
			c.end("more?")
		case "stop":
			c.say("too much")
			c.await(nil)
		default:
			c.say("I heard " + c.question)
			c.end()
		}
	})
	p := openFirefox(t, testenv.Start(t, "--upstream="+u.URL).Base+"/", `
		window.violations = [];
		addEventListener("securitypolicyviolation", e => violations.push(e.violatedDirective + " " + e.blockedURI));
		addEventListener("error", e => violations.push(e.message));`)
	state := func(name string) {
		t.Helper()
		p.until(`document.querySelector("#state").dataset.state === ` + quote(name))
	}
	ask := func(question string) {
		t.Helper()
		p.click("#question")
		p.write(question + firefoxEnter)
	}
	state("ready")
	ask("one")
	p.until(messages + `?.textContent.includes("first half,")`)
	p.reload()
	p.until(messages + `?.textContent.includes("first half,")`)
	give()
	state("done")
	p.until(messages + `.querySelector("h1 + ul > li > em")`)
	p.until(messages + `.querySelector("pre code")`)
	if got := p.text(messages + ".textContent"); strings.Count(got, "first half, second half") != 1 {
		t.Errorf("after the reload the answer is %q", got)
	}
	p.click(".answer .suggestions button")
	p.until(messages + `.textContent.trim() === "I heard more?"`)
	state("done")
	ask("stop")
	p.until(messages + `.textContent.trim() === "too much"`)
	p.click("#send")
	testenv.Eventually(t, "the chat is canceled", u.isCancelled)
	state("stopped")
	if got := p.text(`violations.join()`); got != "" {
		t.Errorf("violations: %s", got)
	}
	if got, want := u.questions(), []question{{"", "one"}, {"77", "more?"}, {"77", "stop"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("upstream got %q, want %q", got, want)
	}
}

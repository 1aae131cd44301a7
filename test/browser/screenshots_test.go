package browser

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"sse-typewriter/internal/testenv"

	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the pictures of docs/img")

// pictures is the folder of the README's screenshots.
const pictures = "../../docs/img"

// spoken is the content of the screenshots in one language.
type spoken struct{ languages, question, answer, followUp, thought, half string }

var (
	english = spoken{
		"en", "Why is streamed text pleasant to read?",
		"Because it keeps the **pace of a reader**:\n\n- a short stop at a comma, a longer one at the end of a sentence;\n- no flood when the network has held text back;\n- never far behind what has arrived.\n\n> Being fast is being seen early.",
		"And how far behind may it be?", "They ask for the bound: three seconds by default.",
		"Three seconds, unless you choose otherwise. When text arrives faster than that, all pauses shrink alike, so the rhythm",
	}
	chinese = spoken{
		"zh", "为什么一个字一个字地出现，读起来更舒服？",
		"因为它跟得上**读的节奏**：\n\n- 逗号处稍停，句号处多停一会儿；\n- 网络攒下一大段，也不会一下子涌出来；\n- 离已经到的文字，从不落后太多。\n\n> 快，不只是算得快，而是被看见得早。",
		"那最多会落后多久？", "他问的是上限：默认三秒。",
		"默认三秒，可以自己选。文字来得更快的时候，所有停顿按同样的比例缩短，节奏",
	}
)

// answer sends the answer to the first question, and half of the answer to the next.
func (s spoken) play(t *testing.T) func(*chat) {
	never, _ := signal(t)
	return func(c *chat) {
		if c.question == s.question {
			c.say(s.answer)
			c.end(s.followUp)
			return
		}
		c.think(s.thought)
		c.say(s.half)
		c.await(never)
	}
}

// TestScreenshots writes the screenshots of the README, for a person to look at.
func TestScreenshots(t *testing.T) {
	if !*update {
		t.Skip("make screenshots writes the pictures")
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	desk := chromedp.EmulateViewport(1000, 720, chromedp.EmulateScale(1.5))
	for _, test := range []struct {
		name, scheme string
		size         chromedp.Action
		said         spoken
	}{
		{"chat-light", "light", desk, english},
		{"chat-dark", "dark", desk, chinese},
		{"chat-phone", "light", chromedp.EmulateViewport(390, 760, chromedp.EmulateScale(2), chromedp.EmulateMobile), chinese},
	} {
		u := newUpstream(t, test.said.play(t))
		p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/", test.size, inLanguage(test.said.languages), preferring("prefers-color-scheme", test.scheme))
		p.choose("speed", "10")
		p.ask(test.said.question)
		p.untilState("done")
		p.click(".answer .suggestions button")
		p.until("half of it is typed", messages+`?.textContent.endsWith(`+quote(test.said.half)+`)`)
		p.choose("speed", "1")
		p.click("#question")
		p.picture(test.name)
	}

	u := newUpstream(t, func(c *chat) {
		c.say("**Waiting feels longer than it is.**\n\n- After two seconds readers begin to doubt, after five they reload.\n- A first word within a third of a second keeps them.\n")
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/progress", desk, inLanguage("en"))
	p.write("People do not feel time evenly. Two seconds are fine; in the third we doubt the network, and in the fifth we reach for the reload button. " +
		"A stream cuts that silence into small pieces: the first word is there within a third of a second, and the rest follows like water.")
	p.click("#send")
	p.until("the result is formatted", `document.querySelector("#result strong")`)
	p.picture("progress")
}

// picture takes a screenshot of the visible part of the page, once nothing moves.
func (p *page) picture(name string) {
	p.t.Helper()
	eval[bool](p, `Promise.all(document.getAnimations().map(a => a.effect.getTiming().iterations === Infinity ? a.cancel() : a.finished)).then(() => true)`)
	var png []byte
	p.do(chromedp.CaptureScreenshot(&png))
	if err := os.WriteFile(filepath.Join(pictures, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

package sim

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
)

// The texts of the patterns. A pattern repeats its text up to the length of the answer.
const (
	mixed = `## 为什么要逐字显示

流式输出把等待切成小块：第一个字很快就到，后面的字像水一样跟上来。读的人不必盯着空白的页面，也不会一下子被整页文字压住。

A reader follows text at about 25 characters a second, so an answer that comes in bursts is hard to follow: it stands still, then jumps. Version 1.2 of the protocol says nothing about this.

- **节奏**：句号之后停得久一些，逗号之后停得短一些。
- **上限**：无论如何，不能比上游慢太多！
- **恢复**：断线之后，从断开的地方继续。

那么，要不要所有的字都一样快？不要。Real typing has a rhythm, and readers notice when it is missing; 机器的匀速反而让人觉得不自然……

`
	chinese = `清晨的集市已经热闹起来了。卖豆腐的老人推着车，从巷子那头慢慢走来，车上的铃铛叮当作响。孩子们背着书包，三三两两，边走边笑。你问我，这里有什么特别？其实没有，只是每一天都这样开始：有人开门，有人扫地，有人把昨夜的雨水倒掉。我喜欢站在桥上看他们，看久了，就觉得自己也是其中的一个。`

	english = `The harbour was quiet when we arrived. Two boats lay at the pier, their ropes slack, and nobody was in sight. "Wait here," she said, and walked to the small office at the end; the door stood open. It was 6.30 in the morning, too early for visitors, too late for fishermen. I counted the gulls on the roof: eleven, then twelve. Was this the right place? A man came out, looked at us, and laughed.

He knew her name. That was the first surprise.

`
	code = "The loop that waits, in Go:\n\n```go\nfunc (p *Player) wait(ctx context.Context, due time.Time) error {\n\ttimer := time.NewTimer(time.Until(due))\n\tdefer timer.Stop()\n\tselect {\n\tcase <-ctx.Done():\n\t\treturn ctx.Err() // \"canceled\"\n\tcase <-timer.C:\n\t\treturn nil\n\t}\n}\n```\n\nCall `wait` before each write. A `nil` error means that the time has come.\n\n"

	markdown = `## Kinds of **streams**

An answer has *emphasis*, **strong words**, ~~mistakes~~ and ` + "`inline code`" + `. See the [guide to streaming](https://example.com/guide/streaming?lang=en&page=2), or the [reference][1] for 2 * 3 * 4 = 24, snake_case_names and $5 or $10.

- **First**: read the [introduction](https://example.com/intro) and _then_ the rest.
- **Second**: ` + "`go test ./...`" + `, which takes a ***very*** short time.
- A picture: ![the arrival of the text](https://example.com/images/arrival.png "Arrival") and some words.

1. Euler wrote $e^{i\pi} + 1 = 0$, and \(a^2 + b^2 = c^2\) is older &amp; better known.
2. **注意**：*强调*后面没有空格，**加粗**也一样。

`
	tables = `| name | **meaning** | default |
|:-----|-------------|--------:|
| lag  | the time from the arrival to the write | 3 s |
| tail | the time after the end of the upstream | 1 s |
| unit | a grapheme cluster or a word | grapheme |

The sum over all of them is:

$$
\sum_{i=1}^{n} x_i = \frac{n(n+1)}{2}
$$

` + "```go\nfunc sum(n int) int {\n\treturn n * (n + 1) / 2 // a comment\n}\n```" + `

That is **all** there is to [say](https://example.com/say).

`

	emoji = "☀️今天的天气真好！我们一家👨‍👩‍👧‍👦去公园🏞️玩。参加的有🇨🇳🇯🇵🇫🇷三国的朋友，大家都👍🏽。有人带了🍉和🥤，有人跳舞💃🏻。Everyone cheered 🎉🎉, then the 👩🏾‍🚀 arrived with a 🏳️‍🌈 flag. 1️⃣ first, 2️⃣ second.\n"

	names = "See config.yaml, main.go and go.mod at github.com/example/project.v2; fmt.Println prints os.Args, and strings.Builder.String joins them. "
)

// escape encodes characters as the inside of a JSON string.
func escape(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\"\n")[1:]
}

// repeat returns the first n characters of an endless repetition of s.
func repeat(s string, n int) []rune {
	whole := []rune(s)
	text := make([]rune, 0, n)
	for len(text) < n {
		text = append(text, whole[:min(len(whole), n-len(text))]...)
	}
	return text
}

// meanDelta is the mean length of a delta in characters, measured on Coze.
const meanDelta = 2.7

// delta is a piece of text that arrives at once.
type delta struct {
	text  string // the inside of a JSON string
	chars int
}

// cut cuts a text into deltas of irregular length, meanDelta on average.
func cut(r *rand.Rand, text []rune) []delta {
	var deltas []delta
	for len(text) > 0 {
		n := 1
		for n < len(text) && r.Float64() < 1-1/meanDelta {
			n++
		}
		deltas = append(deltas, delta{escape(string(text[:n])), n})
		text = text[n:]
	}
	return deltas
}

// cutAtDots is like cut but makes each full stop a delta of its own, as tokenizers often do
// with names.
func cutAtDots(r *rand.Rand, text []rune) []delta {
	var deltas []delta
	for len(text) > 0 {
		dot := slices.Index(text, '.')
		switch dot {
		case -1:
			return append(deltas, cut(r, text)...)
		case 0:
			deltas = append(deltas, delta{".", 1})
			text = text[1:]
		default:
			deltas = append(deltas, cut(r, text[:dot])...)
			text = text[dot:]
		}
	}
	return deltas
}

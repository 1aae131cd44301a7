package sim

import "sse-typewriter/typewriter"

// The sizes of consecutive deltas, in characters, of recorded answers: gpt-4.1-nano,
// deepseek-reasoner, qwen3-max, glm-4.7-flash, claude-sonnet-4-6 and claude-haiku-4-5. No
// long answer of Gemini is recorded: its sizes follow reports of users.
var (
	sizesOpenAI = []int{
		2, 7, 5, 3, 8, 4, 2, 2, 4, 3, 7, 4, 9, 3, 4, 6, 9, 3, 4, 2, 2, 7, 3, 8, 4, 3, 10, 3, 10, 14, 1, 9,
		1, 4, 6, 6, 8, 12, 1, 3, 11, 12, 9, 12, 6, 10, 8, 4, 14, 3, 2, 4, 6, 1, 4, 1, 1, 3, 1, 7, 4, 4, 7, 4,
	}
	sizesDeepSeek = []int{
		3, 5, 3, 7, 4, 4, 8, 3, 4, 10, 1, 2, 5, 3, 4, 4, 8, 5, 3, 4, 5, 12, 1, 4, 3, 7, 4, 8, 5, 5, 4, 9, 10,
		4, 3, 2, 3, 10, 2,
	}
	sizesQwen = []int{
		2, 11, 10, 2, 14, 18, 19, 30, 20, 19, 18, 28, 18, 21, 16, 28, 14, 12, 13, 25, 8, 10, 8, 11, 10, 10,
		10, 11, 12, 12, 27, 19, 12, 12, 13, 12, 16, 16, 23, 12, 11, 12, 11, 17, 8, 8, 12, 8, 7, 8, 12, 13,
	}
	sizesGLM = []int{
		3, 5, 3, 7, 4, 4, 8, 3, 4, 10, 1, 2, 5, 2, 8, 9, 10, 5, 6, 2, 9, 10, 1, 4, 5, 4, 9, 2, 3, 10, 1, 3, 4,
		9, 1, 3, 2, 5, 4, 4, 9, 12, 3, 5, 4, 9, 5, 1, 1, 3, 4, 4, 8, 8, 12, 4, 4, 10, 4, 4, 1,
	}
	sizesSonnet = []int{
		1, 66, 45, 88, 100, 81, 61, 58, 66, 60, 80, 108, 72, 74, 36, 77, 48, 124, 99, 39, 58, 48, 80, 66, 88,
		63, 96, 162, 57, 119, 96, 167, 60, 144, 66, 168, 161, 149, 141, 162, 66, 123, 156, 174, 104, 107, 131,
	}
	sizesHaiku = []int{
		36, 3, 5, 28, 20, 23, 27, 4, 20, 4, 7, 7, 37, 2, 1, 12, 10, 15, 24, 13, 31, 19, 3, 7, 8, 9, 3, 33, 24, 5,
	}
)

var recorded = []pattern{
	{"OpenAI", "Recorded sizes of OpenAI (5.7 characters on average), exponential gaps of 20 ms on average", 1500, openAI},
	{"even tokens", "Recorded sizes of OpenAI, a delta every 20 ms", 1500, evenTokens},
	{"DeepSeek", "Recorded sizes of DeepSeek, exponential gaps of 33 ms, first the reasoning, then the answer", 1200, deepSeek},
	{"Qwen", "Recorded sizes of Qwen (13 characters), gaps of 100 to 140 ms", 1500, qwen},
	{"GLM", "Recorded sizes of GLM (5 characters), exponential gaps of 15 ms", 1500, glm},
	{"Sonnet", "Recorded sizes of Claude Sonnet (90 characters), gaps of 200 to 450 ms", 3000, sonnet},
	{"Haiku", "Recorded sizes of Claude Haiku (15 characters), gaps of 40 to 160 ms", 1500, haiku},
	{"148 every 550 ms", "148 characters every 550 ms, as reported of Claude", 3000, claude},
	{"Gemini", "300 to 500 characters at gaps of 0.3 to 1 s", 5000, gemini},
	{"stalls", "200 to 320 characters every 450 ms, every fifth gap 1 to 1.5 s", 5000, stalls},
	{"110 every 20 ms", "110 characters every 20 ms", 8000, fastBlocks},
	{"4000 a second", "Deltas of 4 to 12 characters, 4,000 characters a second", 8000, fastTokens},
	{"every 90 ms", "12 characters every 90 ms", 1200, every90},
	{"singles", "A single character, three times a second", 60, singles},
	{"Markdown", "Recorded sizes of OpenAI, exponential gaps of 20 ms: lists, emphasis, links, an image, formulas", 1500, markdownProse},
	{"Markdown table", "As Markdown: a table, a code block and a display formula", 1500, markdownTable},
}

// deltas sends a text in deltas of the given sizes, repeated, with a gap in seconds after
// each.
func (u *upstream) deltas(frame *typewriter.Frame, text string, sizes []int, gap func() float64) {
	runes := repeat(text, u.chars)
	for i := 0; len(runes) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(runes))
		u.send(frame, escape(string(runes[:n])))
		runes = runes[n:]
		if len(runes) > 0 {
			u.wait(gap())
		}
	}
}

// exponential returns gaps with a mean in seconds.
func (u *upstream) exponential(mean float64) func() float64 {
	return func() float64 { return u.random.ExpFloat64() * mean }
}

// uniform returns gaps between two times in seconds.
func (u *upstream) uniform(least, most float64) func() float64 {
	return func() float64 { return least + u.random.Float64()*(most-least) }
}

func openAI(u *upstream) { u.deltas(content, mixed, sizesOpenAI, u.exponential(0.02)) }

func evenTokens(u *upstream) { u.deltas(content, mixed, sizesOpenAI, u.uniform(0.02, 0.02)) }

func deepSeek(u *upstream) {
	u.chars /= 2
	u.deltas(reasoning, chinese, sizesDeepSeek, u.exponential(0.033))
	u.wait(0.033)
	u.deltas(content, mixed, sizesDeepSeek, u.exponential(0.033))
}

func qwen(u *upstream) { u.deltas(content, mixed, sizesQwen, u.uniform(0.1, 0.14)) }

func glm(u *upstream) { u.deltas(content, mixed, sizesGLM, u.exponential(0.015)) }

func sonnet(u *upstream) { u.deltas(content, mixed, sizesSonnet, u.uniform(0.2, 0.45)) }

func haiku(u *upstream) { u.deltas(content, english, sizesHaiku, u.uniform(0.04, 0.16)) }

func claude(u *upstream) { u.deltas(content, mixed, []int{148}, u.uniform(0.55, 0.55)) }

func gemini(u *upstream) {
	u.deltas(content, mixed, []int{300, 460, 380, 500, 340, 420}, u.uniform(0.3, 1))
}

func stalls(u *upstream) {
	n := 0
	u.deltas(content, mixed, []int{200, 310, 260, 320, 230}, func() float64 {
		if n++; n%5 == 0 {
			return u.uniform(1, 1.5)()
		}
		return 0.45
	})
}

func fastBlocks(u *upstream) { u.deltas(content, mixed, []int{110}, u.uniform(0.02, 0.02)) }

func fastTokens(u *upstream) {
	u.deltas(content, mixed, []int{4, 12, 8, 6, 10}, u.exponential(0.002))
}

func every90(u *upstream) { u.deltas(content, mixed, []int{12}, u.uniform(0.09, 0.09)) }

func singles(u *upstream) { u.deltas(content, chinese, []int{1}, u.uniform(1.0/3, 1.0/3)) }

func markdownProse(u *upstream) { u.deltas(content, markdown, sizesOpenAI, u.exponential(0.02)) }

func markdownTable(u *upstream) { u.deltas(content, tables, sizesOpenAI, u.exponential(0.02)) }

package typewriter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// token is a character of generated text, or an escaped half of a character.
type token struct {
	raw  string // as it stands in the payload
	char rune   // the character, or the surrogate
}

func (t token) isHigh() bool { return t.char >= 0xD800 && t.char < 0xDC00 }
func (t token) isLow() bool  { return t.char >= 0xDC00 && t.char < 0xE000 }

// words are the alphabets of generated text. Each word consists of whole clusters or parts
// of them. The function waits knows all characters.
var words = [][]string{
	strings.Split("the|a |3.14|[a](b)|$x$|&amp;|\n```\ngo a\n```\n|![i](j)|\n|end. |Is it?|no,|x-y|**b**|`c`|# |\n|\n\n|\t|\"q\"|\\|/|\r\n|\r", "|"),
	strings.Split("你好|世界|，|。|！|语言|——|“引”|…|ｶﾞ|が|カ|全角（）", "|"),
	strings.Split("👩|👩‍👧|👩🏽‍💻|👍🏽|🏽|❤️|❤️‍🔥|🇨🇳|🇨|🇳🇪|1️⃣|#️⃣|🏴\U000E0067\U000E0062\U000E007F|🙂", "|"),
	strings.Split("é|é|ö̲|̈|각|각|각|ᄀ|ᆨ|각|क्षि|क्|ष|नी|\u0600a|\u0600|\u200d", "|"),
}

// generateText returns about n words, each character raw or escaped.
func generateText(r *rand.Rand, n int) []token {
	var tokens []token
	escape := []float64{0, 0, 0.3, 1}[r.IntN(4)]
	alphabets := words[:1+r.IntN(len(words))]
	if r.IntN(2) == 0 {
		alphabets = words[r.IntN(len(words)):]
	}
	for range n {
		alphabet := alphabets[r.IntN(len(alphabets))]
		for _, char := range alphabet[r.IntN(len(alphabet))] {
			tokens = append(tokens, encode(char, r.Float64() < escape)...)
		}
	}
	return tokens
}

var shortEscapes = map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '"': `\"`, '\\': `\\`}

// encode encodes a character for the inside of a JSON string, on request as \uXXXX.
func encode(char rune, escape bool) []token {
	if !escape {
		if short, ok := shortEscapes[char]; ok {
			return []token{{short, char}}
		}
		return []token{{string(char), char}}
	}
	if char == '/' {
		return []token{{`\/`, char}}
	}
	if high, low := utf16.EncodeRune(char); char > 0xFFFF {
		return []token{{fmt.Sprintf(`\u%04x`, high), high}, {fmt.Sprintf(`\u%04X`, low), low}}
	}
	return []token{{fmt.Sprintf(`\u%04x`, char), char}}
}

// item is an event of a generated stream with the tokens of its text.
type item struct {
	arrival
	at     time.Duration // arrival since the beginning
	tokens []token
}

// modelFrames are two frames of the same channel and a frame of another.
var modelFrames = []*Frame{
	{Name: "c1", Head: `{"c":"`, Tail: `"}`, Channel: "content"},
	{Name: "c2", Head: `{"d":"`, Tail: `"}`, Channel: "content"},
	{Name: "r1", Head: `<`, Tail: `>`, Channel: "reasoning"},
}

// generateItems cuts text into deltas with the gaps of gap, and adds other events.
func generateItems(r *rand.Rand, tokens []token, gap func() time.Duration) []item {
	var items []item
	var at time.Duration
	add := func(e Event, tokens []token) {
		a := arrival{gap(), e}
		at += a.after
		items = append(items, item{arrival: a, at: at, tokens: tokens})
	}
	perDelta := 1 + r.IntN(12)
	frame := modelFrames[0]
	for len(tokens) > 0 {
		n := min(len(tokens), 1+r.IntN(perDelta))
		var raw strings.Builder
		for _, t := range tokens[:n] {
			raw.WriteString(t.raw)
		}
		add(Event{Frame: frame, Text: raw.String()}, tokens[:n])
		tokens = tokens[n:]
		switch r.IntN(20) {
		case 0:
			add(other(fmt.Sprintf("other%d", len(items))), nil)
		case 1, 2:
			frame = modelFrames[r.IntN(len(modelFrames))]
		case 3:
			add(Event{Frame: frame}, nil)
		}
	}
	add(other("done"), nil)
	return items
}

// run is the joined text of consecutive events of the same channel.
type run struct {
	tokens []token
	items  []int // which item each token is of
}

// runFrom returns the rest of a run from a token of an item on.
func runFrom(items []item, i, first int) run {
	var text run
	for channel := items[i].event.Frame.Channel; i < len(items) && items[i].event.Frame.Channel == channel; i++ {
		text.tokens = append(text.tokens, items[i].tokens[first:]...)
		text.items = append(text.items, slices.Repeat([]int{i}, len(items[i].tokens)-first)...)
		first = 0
	}
	return text
}

// isPair reports whether tokens i and i+1 are the halves of one character.
func (text run) isPair(i int) bool {
	return i >= 0 && i+1 < len(text.tokens) && text.tokens[i].isHigh() && text.tokens[i+1].isLow()
}

// clusters returns the numbers of tokens before each cluster boundary of the run. A
// surrogate pair cut after n tokens counts as two characters.
func (text run) clusters(n int) []int {
	var joined strings.Builder
	var counts []int // tokens of each character
	for i := 0; i < len(text.tokens); i++ {
		t := text.tokens[i]
		switch {
		case text.isPair(i) && i+1 != n:
			i++
			joined.WriteRune(utf16.DecodeRune(t.char, text.tokens[i].char))
			counts = append(counts, 2)
		case t.isHigh() || t.isLow():
			joined.WriteRune('\uFFFD')
			counts = append(counts, 1)
		default:
			joined.WriteRune(t.char)
			counts = append(counts, 1)
		}
	}
	var ends []int
	end := 0
	for it := graphemes.FromString(joined.String()); it.Next(); {
		for range it.Value() {
			end += counts[0]
			counts = counts[1:]
		}
		ends = append(ends, end)
	}
	return ends
}

// waits reports whether the beginning of a cluster is held for the rest. The rules are
// independent of the splitter and cover only the characters of words.
func waits(part []token) bool {
	last := part[len(part)-1]
	var chars []rune
	for i, t := range part {
		if t.isLow() && i > 0 && part[i-1].isHigh() {
			chars[len(chars)-1] = utf16.DecodeRune(part[i-1].char, t.char)
		} else {
			chars = append(chars, t.char)
		}
	}
	end := chars[len(chars)-1]
	switch {
	case last.isHigh(), end == '\r', end == 0x0600, end >= 0x1100 && end <= 0x11FF:
		return true
	case isFlagLetter(end):
		return len(chars) == 1 || !isFlagLetter(chars[len(chars)-2])
	case end >= 0xAC00 && end <= 0xD7A3:
		return len(chars) > 1 // a syllable alone is plain
	}
	return growsAsEmoji(chars) || growsAsConjunct(chars)
}

func isFlagLetter(c rune) bool { return c >= 0x1F1E6 && c <= 0x1F1FF }

// growsAsEmoji reports whether a joiner and an emoji, or an emoji after a joiner, would
// belong to the cluster.
func growsAsEmoji(chars []rune) bool {
	if n := len(chars) - 1; chars[n] == 0x200D {
		chars = chars[:n]
	}
	for len(chars) > 0 && isExtend(chars[len(chars)-1]) {
		chars = chars[:len(chars)-1]
	}
	if len(chars) == 0 {
		return false
	}
	base := chars[len(chars)-1]
	return base == '❤' || base >= 0x1F300 && base <= 0x1FAFF
}

// growsAsConjunct reports whether the cluster ends with a linker after a consonant, for
// another consonant to follow.
func growsAsConjunct(chars []rune) bool {
	linked := false
	for len(chars) > 0 {
		last := chars[len(chars)-1]
		linked = linked || last == 0x094D
		if last != 0x094D && last != 0x200D && !isExtend(last) {
			return linked && last >= 0x0915 && last <= 0x0939
		}
		chars = chars[:len(chars)-1]
	}
	return false
}

// isExtend reports whether c is an extending mark of words: a skin tone, variation
// selector, accent, keycap or tag.
func isExtend(c rune) bool {
	return c >= 0x1F3FB && c <= 0x1F3FF || c == 0xFE0F || c >= 0x0300 && c <= 0x036F ||
		c == 0x20E3 || c >= 0xE0020 && c <= 0xE007F || c == 0xFF9E
}

package chaos

import (
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"
)

// answer is the service's answer to a question. Texts are the insides of JSON strings.
type answer struct {
	reasoning []string
	deltas    []string
	followUps int
	pauses    []time.Duration // before each delta, of reasoning first
}

// newRand returns the random numbers for a subject, reproducible from the seed.
func newRand(seed uint64, subject string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(subject)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// atoms are sequences of the smallest pieces of text. A delta may end after any piece, in
// the middle of a character too.
var atoms = [][]string{
	{"a"},
	{"word "},
	{"The end. "},
	{"秋"},
	{"天，"},
	{"你好。"},
	{`\n`},
	{`\n\n`},
	{`\"`},
	{`\\`},
	{`\/`},
	{`\t`},
	{" "},
	{"   "},
	{"👨", "\u200d", "👩", "\u200d", "👧", "\u200d", "👦"}, // a family
	{`\ud83d`, `\udc68`, `\u200d`, `\ud83d`, `\udc67`}, // the same in halves
	{`\ud83d`, `\ude00`},
	{`\uD83C`, `\uDDE9`, `\ud83c`, `\udde9`},
	{`\ud83d`}, // the last is half a pair
	{`\r`, `\n`},
	{`\r\n`},
	{`\r`},
	{"ᄀ", "ᅡ", "ᆨ"},
	{"ᄀ", "ᄀ", "ᅡ"}, // jamo
	{"e", "\u0301", "\u0323"},
	{"क", "\u094d", "ष"},
	{"🇩", "🇪", "🇫", "🇷"},
	{"👍", "🏽"},
	{"❤", "\ufe0f"},
	{"\u2028"},
	{"\u2029"},
	{"\u0085"},
	{`\u2028`},
	{"\u200b"},
	{"\ufeff"},
	{`\u0000`},
	{`\u001b[0m`},
	{"data: x"},
	{`\n\ndata:y\n\n`},
	{"**", "bold", "**"},
	{"```", `\n`, "code", `\n`, "```"},
	{"[", "a", "](", "https://example.com", ")"},
}

// newAnswer makes the answer to a question.
func newAnswer(seed uint64, question string) *answer {
	r := newRand(seed, question)
	a := &answer{followUps: r.IntN(4)}
	if r.IntN(3) == 0 {
		a.reasoning = randomDeltas(r, 1+r.IntN(15))
	}
	a.deltas = randomDeltas(r, 5+r.IntN(40))
	for range len(a.reasoning) + len(a.deltas) {
		pause := time.Duration(0)
		switch r.IntN(10) {
		case 0, 1, 2, 3: // a burst
		case 4:
			pause = time.Duration(r.IntN(700)) * time.Millisecond
		default:
			pause = time.Duration(r.IntN(120)) * time.Millisecond
		}
		a.pauses = append(a.pauses, pause)
	}
	return a
}

// randomDeltas returns n deltas. Every 400th delta on average has 20 KB.
func randomDeltas(r *rand.Rand, n int) []string {
	var out []string
	var rest []string
	for len(out) < n {
		if r.IntN(400) == 0 {
			out = append(out, strings.Repeat("长text👍🏽", 20<<10/len("长text👍🏽")))
			continue
		}
		var delta strings.Builder
		for range 1 + r.IntN(6) {
			if len(rest) == 0 {
				rest = atoms[r.IntN(len(atoms))]
			}
			delta.WriteString(rest[0])
			rest = rest[1:]
		}
		out = append(out, delta.String())
	}
	return out
}

// length returns the time from the first to the last event of the answer.
func (a *answer) length() time.Duration {
	sum := time.Duration(0)
	for _, pause := range a.pauses {
		sum += pause
	}
	return sum
}

// text joins the insides of JSON strings and decodes them.
func text(insides ...string) string {
	var s string
	if err := json.Unmarshal([]byte(`"`+strings.Join(insides, "")+`"`), &s); err != nil {
		return "not JSON: " + err.Error()
	}
	return s
}

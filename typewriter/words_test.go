package typewriter

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	uax29 "github.com/clipperhouse/uax29/v2/words"
)

// wordPace returns the pace of fixed with words as units.
func wordPace(t testing.TB) Pace {
	pace := fixed(t)
	pace.Unit = Word
	return pace
}

// unitsOf returns the units of a text that arrives as a whole.
func unitsOf(t testing.TB, text string) []string {
	s := segmenterOf(wordPace(t))
	s.add("a", text, 0)
	var all []string
	for _, u := range drain(s) {
		all = append(all, text[:u.size])
		text = text[u.size:]
	}
	return all
}

func TestWords(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"English", `Hello, brave world.`, `Hello, |brave |world.`},
		{"several spaces", `a   b`, `a   |b`},
		{"quotes", `She said: \"No!\"`, `She |said: |\"|No!|\"`},
		{"apostrophe", `can't and don’t`, `can't |and |don’t`},
		{"numbers", `3.14 and 1,000`, `3.14 |and |1,000`},
		{"names", `main.go snake_case`, `main.go |snake_case`},
		{"newlines", `end.\nNext`, `end.|\n|Next`},
		{"Chinese", `你好，世界。`, `你|好，|世|界。`},
		{"Japanese", `カタカナと`, `カタカナ|と`},
		{"mixed", `用Go写`, `用|Go|写`},
		{"marks", `**bold** x`, `*|*|bold|*|* |x`},
		{"flags", `🇨🇳🇯🇵`, `🇨🇳|🇯🇵`},
		{"family", "👩\u200d👧!", "👩\u200d👧!"},
		{"escaped", `\u4f60\u597d\uff0c\u0061b`, `\u4f60|\u597d\uff0c|\u0061b`},
		{"Devanagari", "क्षत्रिय नमस्ते", "क्षत्रिय |नमस्ते"},
		{"a long word is cut", strings.Repeat("a", 100), strings.Repeat("a", 64) + "|" + strings.Repeat("a", 36)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(unitsOf(t, test.text), "|"); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// A unit never ends within a word, and joined units are the text.
func FuzzWords(f *testing.F) {
	for _, text := range seeds() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		units := unitsOf(t, text)
		if strings.Join(units, "") != text {
			t.Fatalf("units of %q are %q", text, units)
		}
		if strings.Contains(text, `\`) || !utf8.ValidString(text) || len(text) > maxWord {
			return
		}
		boundaries := map[int]bool{}
		n := 0
		for it := uax29.FromString(text); it.Next(); {
			n += len(it.Value())
			boundaries[n] = true
		}
		n = 0
		for _, u := range units {
			if n += len(u); !boundaries[n] {
				t.Errorf("%q is cut within a word: %q", text, units)
			}
		}
	})
}

// A word is written once its end has arrived, or after the hold time, or at the deadline.
func TestWordsWait(t *testing.T) {
	short := wordPace(t)
	short.MaxLag = ms(70)
	type event struct {
		at   time.Duration
		text string
	}
	tests := []struct {
		name    string
		pace    Pace
		pattern []arrival
		want    []event
	}{
		{
			"the next word", wordPace(t),
			[]arrival{{0, text("Hel")}, {ms(20), text("lo")}, {ms(30), text(" you ")}},
			[]event{{ms(50), "Hello "}, {ms(150), "you "}},
		},
		{"another event", wordPace(t), []arrival{{0, text("Hel")}, {ms(20), other("x")}}, []event{{ms(20), "Hel"}}},
		{"hold time", wordPace(t), []arrival{{0, text("Hel")}, {ms(700), text("lo ")}}, []event{{ms(500), "Hel"}, {ms(700), "lo "}}},
		{"deadline", short, []arrival{{0, text("Hel")}, {ms(700), text("lo ")}}, []event{{ms(70), "Hel"}, {ms(700), "lo "}}},
		{"ideographs", wordPace(t), []arrival{{0, text("你")}, {ms(700), text("好")}}, []event{{0, "你"}, {ms(700), "好"}}},
		{"punctuation", wordPace(t), []arrival{{0, text("a,")}, {ms(700), text("b ")}}, []event{{0, "a,"}, {ms(700), "b "}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []event
			for _, s := range play(t, test.pace, test.pattern).sent {
				if text, ok := s.text(content); ok {
					got = append(got, event{s.at, text})
				}
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// Positions, numbers and counts of clusters do not depend on the unit.
func TestUnitsShareLogs(t *testing.T) {
	numbered := &Frame{Name: "delta", Head: `{"id":"","content":"`, Tail: `"}`, Channel: "content", Number: len(`{"id":"`)}
	synctest.Test(t, func(t *testing.T) {
		log := NewLog(LogOptions{})
		for _, s := range []string{"Hello brave", " new world, ", "你好，", "can't"} {
			if err := log.Append(Event{Frame: numbered, Text: s}); err != nil {
				t.Fatal(err)
			}
		}
		log.End()
		playFrom := func(unit Unit, from Position) *recorder {
			pace := fixed(t)
			pace.Unit, pace.MaxLag = unit, 0
			r := newRecorder(t)
			if err := (&Player{Log: log, Pace: pace, From: from}).Play(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			return r
		}
		numbers := map[Position]string{} // the data after each position, by grapheme
		before := Position{}
		for _, s := range playFrom(Grapheme, Position{}).sent {
			id, _, _ := strings.Cut(s.data, ",")
			numbers[before] = id
			before = s.Next
		}
		for _, unit := range []Unit{Grapheme, Word} {
			from := Position{}
			for _, s := range playFrom(unit, Position{}).sent {
				if id, _, _ := strings.Cut(s.data, ","); id != numbers[from] {
					t.Errorf("%s: event at %v has %s, want %s", unit, from, id, numbers[from])
				}
				from = s.Next
				for _, other := range []Unit{Grapheme, Word} {
					r := playFrom(other, from)
					if id, _, _ := strings.Cut(r.firstData(), ","); id != numbers[from] {
						t.Errorf("%s after %s: event at %v has %s, want %s", other, unit, from, id, numbers[from])
					}
				}
			}
		}
	})
}

// firstData returns the data of the first event, or nothing.
func (r *recorder) firstData() string {
	if len(r.sent) == 0 {
		return ""
	}
	return r.sent[0].data
}

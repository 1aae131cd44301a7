package typewriter

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// seeds returns the alphabets of generated texts, and texts that are not quite JSON.
func seeds() []string {
	texts := []string{
		`\ud83d\ude00\ud83d x \ude00`, `\u00e9e\u0301\r\n\r\n`, `\u0915\u094d\u0937`, `\`, `\u12`, `\x\\\\ud83d`,
		"\xff\xf0\x9f\x91", "🇨🇳🇨🇳🇨", "👩\u200d👧\u200d",
	}
	for _, alphabet := range words {
		texts = append(texts, strings.Join(alphabet, ""))
	}
	return texts
}

// unquote decodes the inside of a JSON string with encoding/json.
func unquote(text string) (s string, ok bool) {
	return s, json.Unmarshal([]byte(`"`+text+`"`), &s) == nil
}

func clustersOf(s string) []string {
	var clusters []string
	for it := graphemes.FromString(s); it.Next(); {
		clusters = append(clusters, it.Value())
	}
	return clusters
}

// The clusters of a text are complete, and equal to the clusters of the decoded text.
func FuzzSplit(f *testing.F) {
	for _, text := range seeds() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s splitter
		var raw []string
		for rest := text; rest != ""; {
			c := s.first(rest)
			if c.size <= 0 || c.size > len(rest) {
				t.Fatalf("cluster of %q has %d bytes", rest, c.size)
			}
			raw = append(raw, rest[:c.size])
			s.mayGrow(rest[:c.size]) // does not panic
			rest = rest[c.size:]
		}
		if utf8.ValidString(text) && !strings.Contains(text, `\`) {
			if want := clustersOf(text); !reflect.DeepEqual(raw, want) {
				t.Errorf("got %q, want %q", raw, want)
			}
		}
		if whole, ok := unquote(text); ok {
			var got []string
			for _, cluster := range raw {
				char, ok := unquote(cluster)
				if !ok {
					t.Fatalf("%q is cut inside an escape: %q", text, raw)
				}
				got = append(got, char)
			}
			if want := clustersOf(whole); !reflect.DeepEqual(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}

// Exactly the text is written, even if cut inside characters and escapes.
func FuzzPlay(f *testing.F) {
	for _, text := range seeds() {
		f.Add(text, []byte{1, 0, 3, 200})
		f.Add(text, []byte{6})
	}
	f.Fuzz(func(t *testing.T, text string, cuts []byte) {
		log := NewLog(LogOptions{})
		n := 0
		for i, rest := 0, text; rest != "" && i < 1000; i++ {
			size := len(rest)
			if len(cuts) > 0 && i < 999 {
				size = min(size, int(cuts[i%len(cuts)]))
			}
			if err := log.Append(Event{Frame: content, Text: rest[:size]}); err != nil {
				t.Fatal(err)
			}
			rest = rest[size:]
			n++
		}
		log.End()
		pace := DefaultPace(Typewriter)
		pace.MaxLag, pace.Seed = 0, 1
		for _, from := range []Position{{}, {Entry: n / 2, Offset: len(cuts)}} {
			r := newRecorder(t)
			s := newPlayback(&Player{Log: log, Pace: pace, From: from}, r)
			s.skipThrough(t)
			want := ""
			for i := from.Entry; i < n; i++ {
				e, _, _ := log.Read(i)
				if i == from.Entry {
					e.Text = e.Text[min(from.Offset, len(e.Text)):]
				}
				want += e.Text
			}
			if got := r.text(content); got != want {
				t.Errorf("from %v: got %q, want %q", from, got, want)
			}
			checkPositions(t, r, want)
		}
	})
}

// checkPositions checks that positions increase from event to event.
func checkPositions(t *testing.T, r *recorder, text string) {
	t.Helper()
	var last Position
	clusters := 0
	for _, s := range r.sent {
		if p := s.Next; p.Entry < last.Entry || p.Entry == last.Entry && p.Offset <= last.Offset {
			t.Errorf("position %v follows %v", p, last)
		}
		last = s.Next
		clusters += s.Clusters
	}
	if clusters > len(text) || text != "" && clusters == 0 {
		t.Errorf("sent %d clusters in %d bytes", clusters, len(text))
	}
}

// skip moves the clock to the time of the next step instead of sleeping.
func (s *playback) skip() { s.start = s.start.Add(s.time() - s.wakeAt) }

// skipThrough plays to the end without sleeping.
func (s *playback) skipThrough(t testing.TB) {
	for {
		over, err := s.step(true)
		if err != nil {
			t.Fatal(err)
		}
		if over {
			return
		}
		s.skip()
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"0.0", "12.345", "1", "01.0", "-1.0", "+1.2", "1.2.3"} {
		f.Add(s, 12, 345)
	}
	f.Fuzz(func(t *testing.T, s string, entry, offset int) {
		if p, err := ParsePosition(s); err == nil && (p.String() != s || p.Entry < 0 || p.Offset < 0) {
			t.Errorf("%q became %v", s, p)
		}
		want := Position{entry, offset}
		got, err := ParsePosition(want.String())
		if valid := entry >= 0 && offset >= 0; valid != (err == nil) || valid && got != want {
			t.Errorf("%v became %v, %v", want, got, err)
		}
	})
}

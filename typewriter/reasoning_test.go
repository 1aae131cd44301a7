package typewriter

import (
	"strings"
	"testing"
	"time"
)

// reasons is a frame of reasoning.
var reasons = &Frame{Name: "delta", Head: `{"reasoning":"`, Tail: `"}`, Channel: "reasoning", Kind: Reasoning}

func reason(s string) Event { return Event{Frame: reasons, Text: s} }

// textsSent returns the time and text of each event of a frame.
func textsSent(r *recorder, f *Frame) (times []time.Duration, texts []string) {
	for _, s := range r.sent {
		if text, ok := s.text(f); ok {
			times, texts = append(times, s.at), append(texts, text)
		}
	}
	return times, texts
}

func TestReasoningMode(t *testing.T) {
	pattern := []arrival{{0, reason("a.b")}, {ms(50), text("c.d")}, {ms(10), other("done")}}
	tests := []struct {
		name            string
		mode, reasoning Mode
		wantReasoning   []time.Duration
		wantAnswer      []time.Duration
	}{
		// A pause of 100 ms follows each character, also the full stop before a letter.
		{"typewriter", Typewriter, Typewriter, []time.Duration{0, ms(100), ms(200)}, []time.Duration{ms(300), ms(400), ms(500)}},
		{"raw reasoning", Typewriter, Raw, []time.Duration{0}, []time.Duration{ms(50), ms(150), ms(250)}},
		{"raw", Raw, Smooth, []time.Duration{0}, []time.Duration{ms(50)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pace := fixed(t)
			pace.Mode, pace.Reasoning = test.mode, test.reasoning
			r := play(t, pace, pattern)
			got, texts := textsSent(r, reasons)
			if !equalTimes(got, test.wantReasoning) || strings.Join(texts, "") != "a.b" {
				t.Errorf("reasoning %q was written at %v, want %v", texts, got, test.wantReasoning)
			}
			got, texts = textsSent(r, content)
			if !equalTimes(got, test.wantAnswer) || strings.Join(texts, "") != "c.d" {
				t.Errorf("answer %q was written at %v, want %v", texts, got, test.wantAnswer)
			}
		})
	}
}

func equalTimes(got, want []time.Duration) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if (got[i] - want[i]).Abs() > time.Microsecond {
			return false
		}
	}
	return true
}

// Smooth reasoning keeps its own rhythm beside an answer with natural pauses, and the
// answer's rhythm is natural again.
func TestSmoothReasoning(t *testing.T) {
	var pattern []arrival
	for range 20 {
		pattern = append(pattern, arrival{ms(90), reason("thinking, ab")})
	}
	pattern = append(pattern, arrival{ms(500), text("a，b")}, arrival{ms(10), other("done")})
	r := play(t, fixed(t), pattern)
	times, _ := textsSent(r, reasons)
	if last := times[len(times)-1]; last > ms(20*90+108) {
		t.Errorf("reasoning ended at %v, want at most 108 ms after its arrival", last)
	}
	start := ms(20*90 + 500)
	if got, _ := textsSent(r, content); !equalTimes(got, []time.Duration{start, start + ms(100), start + ms(300)}) {
		t.Errorf("the answer was written at %v, want natural pauses from %v on", got, start)
	}
}

// The answer's first character never waits for reasoning longer than the lag of smooth,
// whatever the mode of reasoning.
func TestAnswerDoesNotWaitForReasoning(t *testing.T) {
	tests := []struct {
		name      string
		mode      Mode
		reasoning Mode
		lag       time.Duration // of the answer's mode
		most      time.Duration
	}{
		{"smooth", Typewriter, Smooth, Auto, ms(300)},
		{"typewriter", Typewriter, Typewriter, Auto, ms(300)},
		{"typewriter without max lag", Typewriter, Typewriter, 0, ms(300)},
		{"raw", Typewriter, Raw, Auto, 0},
		{"smooth in smooth", Smooth, Smooth, ms(200), ms(200)},
		{"typewriter in smooth", Smooth, Typewriter, ms(200), ms(200)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pace := fixed(t)
			pace.Mode, pace.Reasoning, pace.MaxLag, pace.SmoothMaxLag = test.mode, test.reasoning, test.lag, ms(300)
			pattern := []arrival{{0, reason(strings.Repeat("a", 200))}, {ms(700), text("b")}, {ms(5000), other("done")}}
			// A second round of reasoning has its own bound.
			pattern = append(pattern, pattern...)
			r := play(t, pace, pattern)
			times, _ := textsSent(r, content)
			for i, arrived := range []time.Duration{ms(700), ms(6400)} {
				if wait := times[i] - arrived; wait > test.most {
					t.Errorf("answer %d waited %v, want at most %v", i, wait, test.most)
				}
			}
			if _, texts := textsSent(r, reasons); len(strings.Join(texts, "")) != 400 {
				t.Errorf("reasoning was written as %q", texts)
			}
		})
	}
}

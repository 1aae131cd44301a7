package typewriter

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func segmenterOf(pace Pace) *segmenter {
	p := newPacer(pace, 0)
	return newSegmenter(&p)
}

// drain removes all units and returns their sizes and pauses.
func drain(s *segmenter) []unit {
	var units []unit
	for s.len() > 0 {
		u, _ := s.pop()
		units = append(units, u)
	}
	return units
}

// However text is cut between characters, its units, their pauses and their natural time
// are those of the text as a whole.
func TestSegmenterCuts(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(7, seed))
		pace := fixed(t)
		pace.Unit = []Unit{Grapheme, Word}[seed%2]
		cut, whole := segmenterOf(pace), segmenterOf(pace)
		var text strings.Builder
		var grown time.Duration
		for tokens := generateText(r, 1+r.IntN(40)); len(tokens) > 0; {
			var part strings.Builder
			n := min(len(tokens), r.IntN(6))
			for _, token := range tokens[:n] {
				part.WriteString(token.raw)
			}
			tokens = tokens[n:]
			added, _ := cut.add("a", part.String(), 0)
			grown += added
			text.WriteString(part.String())
		}
		natural, _ := whole.add("a", text.String(), 0)
		got, want := drain(cut), drain(whole)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %q is cut into %v, want %v", seed, text.String(), got, want)
		}
		sum := time.Duration(0)
		for _, u := range want {
			sum += whole.natural[u.pause]
		}
		if grown != sum || natural != sum {
			t.Fatalf("seed %d: natural time grew by %v and %v, want %v", seed, grown, natural, sum)
		}
	}
}

// The last unit changes with the text that follows, unless another channel or an event
// without text does.
func TestSegmenterOpenUnits(t *testing.T) {
	type part struct{ channel, text string }
	const woman, joinedGirl = "👩", "\u200d👧"
	tests := []struct {
		name      string
		parts     []part
		sizes     []uint32
		tentative bool // the pause of the last unit
	}{
		{"joined", []part{{"a", woman}, {"a", joinedGirl}}, []uint32{11}, false},
		{"joined over an empty text", []part{{"a", woman}, {"a", ""}, {"a", joinedGirl}}, []uint32{11}, false},
		{"another channel", []part{{"a", woman}, {"b", joinedGirl}}, []uint32{4, 3, 4}, false},
		{"an event between", []part{{"a", woman}, {"", ""}, {"a", joinedGirl}}, []uint32{4, 3, 4}, false},
		{"half a pair", []part{{"a", woman + `\ud83d`}}, []uint32{4, 6}, false},
		{"both halves", []part{{"a", `x\ud83c`}, {"a", `\udffd`}}, []uint32{13}, false},
		{"full stop", []part{{"a", "3."}}, []uint32{1, 1}, true},
		{"full stop before an event", []part{{"a", "3."}, {"", ""}}, []uint32{1, 1}, false},
		{"full stop before text", []part{{"a", "3."}, {"a", "1"}}, []uint32{1, 1, 1}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := segmenterOf(fixed(t))
			for _, p := range test.parts {
				s.add(p.channel, p.text, 0)
			}
			var sizes []uint32
			var tentative bool
			for s.len() > 0 {
				var u unit
				u, tentative = s.pop()
				sizes = append(sizes, u.size)
			}
			if !reflect.DeepEqual(sizes, test.sizes) || tentative != test.tentative {
				t.Errorf("got %v, tentative %t; want %v, %t", sizes, tentative, test.sizes, test.tentative)
			}
		})
	}
}

func TestUnitQueue(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	q := unitQueue{pauses: 7}
	var want []unit
	longest := 0
	for range 100_000 {
		if r.IntN(2) == 0 || len(want) == 0 && r.IntN(9) > 0 {
			u := unit{size: 1 << r.IntN(32), pause: pauseID(r.IntN(7))}
			q.push(u)
			want = append(want, u)
		} else if len(want) > 0 {
			if got := q.pop(); got != want[0] {
				t.Fatalf("got %v, want %v", got, want[0])
			}
			want = want[1:]
		}
		if longest = max(longest, len(want)); q.len != len(want) {
			t.Fatalf("length is %d, want %d", q.len, len(want))
		}
	}
	if most := 4*6*longest + maxIdleQueue; cap(q.bytes) > most {
		t.Errorf("the queue takes %d bytes after %d units, want at most %d", cap(q.bytes), longest, most)
	}
	for q.len > 0 {
		q.pop()
	}
	for range 10 * maxIdleQueue {
		q.push(unit{size: 1})
	}
	for q.len > 0 {
		q.pop()
	}
	if q.push(unit{size: 1}); cap(q.bytes) > maxIdleQueue {
		t.Errorf("an idle queue keeps %d bytes", cap(q.bytes))
	}
}

// A player queues no more units than have a bearing on its pace.
func TestPlaybackQueueIsBounded(t *testing.T) {
	tests := []struct {
		name   string
		maxLag time.Duration
		age    time.Duration // of the text
		least  int
		most   int
	}{
		{"no max lag", 0, 0, maxAhead, maxAhead + 10},
		{"beyond the deadline", time.Second, 2 * time.Second, 0, 0},
		{"within the deadline", time.Second, 0, 5000, 9999},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			log := filled(t, strings.Repeat("a", 10_000))
			pace := fixed(t)
			pace.MaxLag = test.maxLag
			p := newPlayback(&Player{Log: log, Pace: pace}, &sink{})
			p.start = p.start.Add(-test.age)
			if _, err := p.step(true); err != nil {
				t.Fatal(err)
			}
			if n := p.segmenter.len(); n < test.least || n > test.most {
				t.Errorf("%d units are queued, want %d to %d", n, test.least, test.most)
			}
			if queue := cap(p.segmenter.queue.bytes); test.maxLag > test.age && queue > 20_000 || test.maxLag <= test.age && queue > 2*maxAhead {
				t.Errorf("the queue takes %d bytes", queue)
			}
		})
	}
}

// A log that is longer than the queue is played to its end.
func TestPlayLongBacklog(t *testing.T) {
	for _, maxLag := range []time.Duration{0, time.Second} {
		for _, age := range []time.Duration{0, 2 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				want := strings.Repeat("typewriter ", 1000)
				log, r := filled(t, want), newRecorder(t)
				time.Sleep(age)
				pace := fixed(t)
				pace.MaxLag = maxLag
				if err := (&Player{Log: log, Pace: pace}).Play(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				if got := r.text(content); got != want {
					t.Errorf("max lag %v, age %v: played %d bytes, want %d", maxLag, age, len(got), len(want))
				}
			})
		}
	}
}

package typewriter

import (
	"reflect"
	"testing"
	"time"
)

var (
	seriesA = &Series{Name: "a"}
	seriesB = &Series{Name: "b", First: 7}

	// The number is behind the text, and not at the same place in each piece.
	numberedTail = &Frame{
		Head: `{"t":"`, Tail: `","n":""}`, Number: 13, Channel: "content", Series: seriesA,
		Once: &Once{
			Last: Payload{Head: `{"t":"`, Tail: `","end":1,"n":""}`, Number: 21},
			Only: Payload{Head: `{"t":"`, Tail: `","end":1,"n":""}`, Number: 21},
		},
	}
	// The number is before the text.
	numberedHead = &Frame{Head: `{"n":"","t":"`, Tail: `"}`, Number: 6, Channel: "content", Series: seriesA}
	// Events without text count too.
	numberedA = &Frame{Head: `{"n":""}`, Number: 6, Series: seriesA}
	numberedB = &Frame{Head: `{"n":""}`, Number: 6, Series: seriesB}
)

// The events of a series have consecutive numbers, however they are divided.
func TestPlaySeries(t *testing.T) {
	two := "👩" + "\u200d" // waits for more
	for _, test := range []struct {
		name    string
		mode    Mode
		every   time.Duration
		from    Position
		pattern []arrival
		want    []string
	}{
		{
			name:    "each piece counts",
			pattern: []arrival{{0, Event{numberedTail, "abc"}}, {0, Event{numberedHead, "de"}}, {0, Event{numberedA, ""}}},
			want:    []string{`{"t":"a","n":"0"}`, `{"t":"b","n":"1"}`, `{"t":"c","end":1,"n":"2"}`, `{"n":"3","t":"d"}`, `{"n":"4","t":"e"}`, `{"n":"5"}`},
		},
		{
			name:    "series are independent and may begin later",
			pattern: []arrival{{0, Event{numberedB, ""}}, {0, Event{numberedA, ""}}, {0, Event{numberedB, ""}}, {0, other("x")}, {0, Event{numberedA, ""}}},
			want:    []string{`{"n":"7"}`, `{"n":"0"}`, `{"n":"8"}`, `{}`, `{"n":"1"}`},
		},
		{
			name:    "undivided",
			mode:    Raw,
			pattern: []arrival{{0, Event{numberedTail, "abc"}}, {0, Event{numberedHead, "de"}}},
			want:    []string{`{"t":"abc","end":1,"n":"0"}`, `{"n":"1","t":"de"}`},
		},
		{
			name:    "several clusters in an event",
			every:   time.Minute,
			pattern: []arrival{{0, Event{numberedHead, "abcd"}}, {0, Event{numberedHead, "e"}}, {0, Event{numberedA, ""}}},
			want:    []string{`{"n":"0","t":"abcde"}`, `{"n":"1"}`},
		},
		{
			name:    "a cluster over two events",
			pattern: []arrival{{0, Event{numberedHead, two}}, {0, Event{numberedHead, "👧b"}}, {0, Event{numberedA, ""}}},
			want:    []string{`{"n":"0","t":"` + two + `👧"}`, `{"n":"1","t":"b"}`, `{"n":"2"}`},
		},
		{
			name:    "resumed",
			from:    Position{2, 1},
			pattern: []arrival{{0, Event{numberedHead, "abc"}}, {0, Event{numberedB, ""}}, {0, Event{numberedHead, "de"}}, {0, Event{numberedB, ""}}},
			want:    []string{`{"n":"4","t":"e"}`, `{"n":"8"}`},
		},
		{
			name:    "resumed at the beginning of an event",
			from:    Position{1, 0},
			pattern: []arrival{{0, Event{numberedHead, "abc"}}, {0, Event{numberedHead, "d"}}},
			want:    []string{`{"n":"3","t":"d"}`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			pace := fixed(t)
			if test.mode == Raw {
				pace = DefaultPace(Raw)
			}
			pace.MinInterval = test.every
			if got := dataOf(playFrom(t, pace, test.from, test.pattern)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// Counting allocates for a new series only.
func TestSeriesAllocations(t *testing.T) {
	s := &playback{player: &Player{}}
	s.series.next(seriesA, s)
	if n := testing.AllocsPerRun(100, func() { s.series.next(seriesA, s) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

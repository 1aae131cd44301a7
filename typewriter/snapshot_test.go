package typewriter

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Frames of services that send all text so far.
var (
	wholeFrame   = &Frame{Head: `{"t":"`, Tail: `"}`, Channel: "answer", Snapshot: true}
	thoughtFrame = &Frame{Head: `{"r":"`, Tail: `"}`, Channel: "reasoning", Snapshot: true}
	stopFrame    = &Frame{Head: `{"t":"`, Tail: `"}`, Channel: "answer", Snapshot: true, Once: &Once{
		Last: Payload{Head: `{"t":"`, Tail: `","end":1}`},
		Only: Payload{Head: `{"t":"`, Tail: `","end":1}`},
	}}
	doubleFrame = &Frame{Head: `{"a":"`, Twin: `","b":"`, Tail: `"}`, Channel: "answer", Snapshot: true}
)

// Each piece of a snapshot has the text of its channel before it, wherever a player begins.
func TestPlaySnapshots(t *testing.T) {
	for _, test := range []struct {
		name    string
		pace    Pace
		from    Position
		pattern []arrival
		want    []string
	}{
		{
			"pieces", fixed(t),
			Position{},
			[]arrival{{0, Event{wholeFrame, "ab"}}, {0, Event{stopFrame, "cd"}}},
			[]string{`{"t":"a"}`, `{"t":"ab"}`, `{"t":"abc"}`, `{"t":"abcd","end":1}`},
		},
		{
			"two channels and another event", fixed(t),
			Position{},
			[]arrival{{0, Event{thoughtFrame, "xy"}}, {0, Event{wholeFrame, "a"}}, {0, other("node")}, {0, Event{wholeFrame, "b"}}, {0, Event{thoughtFrame, "z"}}},
			[]string{`{"r":"x"}`, `{"r":"xy"}`, `{"t":"a"}`, `{}`, `{"t":"ab"}`, `{"r":"xyz"}`},
		},
		{
			"a cluster over two events", fixed(t),
			Position{},
			[]arrival{{0, Event{wholeFrame, "a👩"}}, {0, Event{stopFrame, "\u200d👧b"}}},
			[]string{`{"t":"a"}`, `{"t":"a👩` + "\u200d" + `👧"}`, `{"t":"a👩` + "\u200d" + `👧b","end":1}`},
		},
		{
			"twin", fixed(t),
			Position{},
			[]arrival{{0, Event{doubleFrame, "ab"}}},
			[]string{`{"a":"a","b":"a"}`, `{"a":"ab","b":"ab"}`},
		},
		{
			"resumed within a text", fixed(t),
			Position{1, 1},
			[]arrival{{0, Event{wholeFrame, "ab"}}, {0, Event{wholeFrame, "cde"}}, {0, Event{wholeFrame, "f"}}},
			[]string{`{"t":"abcd"}`, `{"t":"abcde"}`, `{"t":"abcdef"}`},
		},
		{
			"resumed between texts, in another channel", fixed(t),
			Position{2, 0},
			[]arrival{{0, Event{thoughtFrame, "xy"}}, {0, Event{wholeFrame, "ab"}}, {0, Event{thoughtFrame, "z"}}, {0, Event{wholeFrame, "c"}}},
			[]string{`{"r":"xyz"}`, `{"t":"abc"}`},
		},
		{
			"not typed", DefaultPace(Raw),
			Position{},
			[]arrival{{0, Event{wholeFrame, "ab"}}, {0, Event{stopFrame, "cd"}}},
			[]string{`{"t":"ab"}`, `{"t":"abcd","end":1}`},
		},
		{
			"not typed, resumed within a text", DefaultPace(Raw),
			Position{0, 1},
			[]arrival{{0, Event{wholeFrame, "ab"}}, {0, Event{stopFrame, "cd"}}},
			[]string{`{"t":"ab"}`, `{"t":"abcd","end":1}`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := dataOf(playFrom(t, test.pace, test.from, test.pattern)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// The texts of entries that the log has freed are remembered.
func TestSnapshotsOfTrimmedLog(t *testing.T) {
	var pattern []arrival
	for range 4 * dropMin {
		pattern = append(pattern, arrival{time.Second, Event{wholeFrame, "a"}})
	}
	got := dataOf(play(t, fixed(t), pattern))
	if want := `{"t":"` + strings.Repeat("a", 4*dropMin) + `"}`; got[len(got)-1] != want {
		t.Errorf("got %q, want all text", got[len(got)-1])
	}
}

// The longer the text, the rarer its snapshots, up to a deadline: the traffic is bounded.
func TestSnapshotInterval(t *testing.T) {
	before := strings.Repeat("x", snapshotRate/4) // an interval of 250 ms
	pace := fixed(t)
	pace.MaxLag = 0
	r := play(t, pace, []arrival{{0, Event{wholeFrame, before}}, {time.Hour, Event{wholeFrame, "abcdef"}}})
	var got []string
	for _, s := range r.sent {
		if s.at >= time.Hour {
			got = append(got, (s.at-time.Hour).String()+strings.Replace(s.data, before, "", 1))
		}
	}
	if want := []string{`0s{"t":"abc"}`, `300ms{"t":"abcdef"}`}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A skipped stream is not slowed down.
func TestSkippedSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, r, skip := NewLog(LogOptions{}), newRecorder(t), &Skip{}
		skip.Set()
		feed(t, log, []arrival{{0, Event{wholeFrame, strings.Repeat("x", 4*snapshotRate)}}, {0, Event{stopFrame, "ab"}}})
		p := Player{Log: log, Pace: fixed(t), Skip: skip}
		if err := p.Play(context.Background(), r); err != nil || len(r.sent) != 2 || r.sent[1].at != 0 {
			t.Errorf("got %d events, %v, want 2 at once", len(r.sent), err)
		}
	})
}

func TestSnapshotPayload(t *testing.T) {
	var s Snapshots
	for _, test := range []struct {
		event Event
		want  string
	}{
		{Event{wholeFrame, "a"}, `{"t":"a"}`},
		{Event{thoughtFrame, "x"}, `{"r":"x"}`},
		{text("b"), `{"content":"b"}`},
		{Event{stopFrame, "c"}, `{"t":"ac","end":1}`},
	} {
		if got := s.Payload(test.event); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

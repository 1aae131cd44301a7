package typewriter

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

func TestPlayTimes(t *testing.T) {
	uncapped := fixed(t)
	uncapped.MaxLag = 0
	twice := uncapped
	twice.Speed = 2
	tests := []struct {
		name    string
		pace    Pace
		pattern []arrival
		want    []string
	}{
		{"first unit at once, then by class", uncapped, []arrival{{ms(50), text(`好，a。b#c`)}}, []string{
			"50 好", "150 ，", "350 a", "450 。", "850 b", "950 #", "1250 c",
		}},
		{"speed divides the pauses", twice, []arrival{{0, text(`好，a。b`)}}, []string{
			"0 好", "50 ，", "150 a", "200 。", "400 b",
		}},
		{"full stop before white space or the end only", uncapped, []arrival{{0, text(`3.1. x`)}}, []string{
			"0 3", "100 .", "200 1", "300 .", "700  ", "800 x",
		}},
		{"full stop at the end, then a digit", uncapped, []arrival{{0, text(`3.`)}, {ms(150), text(`1`)}}, []string{
			"0 3", "100 .", "200 1",
		}},
		{"full stop at the end, then a space", uncapped, []arrival{{0, text(`3.`)}, {ms(150), text(` x`)}}, []string{
			"0 3", "100 .", "500  ", "600 x",
		}},
		{"full stop before another event", uncapped, []arrival{{0, text(`3.`)}, {0, other("x")}, {ms(250), text(`1`)}}, []string{
			"0 3", "100 .", "100 x", "500 1",
		}},
		{"line feed escape", uncapped, []arrival{{0, text(`a\nb`)}}, []string{"0 a", `100 \n`, "500 b"}},
		{"a pause goes on while nothing waits", uncapped, []arrival{{0, text(`。`)}, {ms(150), text(`a`)}}, []string{
			"0 。", "400 a",
		}},
		{"a pause that is over delays nothing", uncapped, []arrival{{0, text(`。`)}, {ms(450), text(`a`)}}, []string{
			"0 。", "450 a",
		}},
		{"other events wait for the text before", uncapped, []arrival{
			{0, other("created")}, {0, text(`ab`)}, {0, other("done")}, {0, text(`c`)},
		}, []string{"0 created", "0 a", "100 b", "100 done", "200 c"}},
		{"channels keep their order", uncapped, []arrival{{0, thought(`ab`)}, {0, text(`c`)}}, []string{
			"0 a", "100 b", "200 c",
		}},
		{"growing cluster held for the rest", uncapped, []arrival{{0, text("👩\u200d")}, {ms(60), text("👧")}, {ms(20), text("!")}}, []string{
			"80 👩\u200d👧", "180 !",
		}},
		{"growing cluster held no longer than the hold time", uncapped, []arrival{{0, text("🇨")}, {ms(150), text("🇳")}}, []string{
			"100 🇨", "200 🇳",
		}},
		{"growing cluster freed by another event", uncapped, []arrival{{0, text("👩")}, {ms(30), other("done")}}, []string{
			"30 👩", "30 done",
		}},
		{"surrogate pair joined over two events", uncapped, []arrival{{0, text(`a\ud83d`)}, {ms(10), text(`\ude00b`)}}, []string{
			"0 a", `100 \ud83d\ude00`, "200 b",
		}},
		{"half a pair waits for the other half or for other text", uncapped, []arrival{{0, text(`\ud83d`)}, {ms(300), text(`b`)}}, []string{
			`300 \ud83d`, "400 b",
		}},
		{"raw", DefaultPace(Raw), []arrival{{0, text(`ab`)}, {ms(5), text(`c。`)}, {0, other("done")}}, []string{
			"0 ab", "5 c。", "5 done",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkSent(t, play(t, test.pace, test.pattern), test.want)
		})
	}
}

func checkSent(t *testing.T, r *recorder, want []string) {
	t.Helper()
	var got []string
	for _, s := range r.sent {
		what := s.name
		for _, frame := range []*Frame{content, reasoning} {
			if text, ok := s.text(frame); ok {
				what = text
			}
		}
		got = append(got, fmt.Sprintf("%d %s", s.at.Milliseconds(), what))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Text of 20 s at the natural pace is typed within the max lag, with the minimum interval
// between events.
func TestPlayMeetsDeadlines(t *testing.T) {
	pace := fixed(t)
	pace.MaxLag = time.Second
	var long string
	for range 100 {
		long += "a，"
	}
	r := play(t, pace, []arrival{{0, text(long)}, {0, other("done")}})
	if got := r.text(content); got != long {
		t.Errorf("text is %q", got)
	}
	last := r.sent[len(r.sent)-1]
	if last.at > time.Second || last.at < 900*time.Millisecond {
		t.Errorf("all was sent at %v, want just under 1s", last.at)
	}
	for i, s := range r.sent[1:] {
		if gap := s.at - r.sent[i].at; s.name == "delta" && gap < DefaultMinInterval && s.at < time.Second-DefaultMinInterval {
			t.Errorf("event %d came %v after the one before", i+1, gap)
		}
	}
}

// A backlog of less than a third of the max lag is typed at the natural pace.
func TestPlayDoesNotHurryShortText(t *testing.T) {
	r := play(t, fixed(t), []arrival{{0, text("abcdefghij")}})
	if last := r.sent[9].at; len(r.sent) != 10 || last != 900*time.Millisecond {
		t.Errorf("the tenth of %d came at %v, want 900ms", len(r.sent), last)
	}
}

func TestPlayHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, r := NewLog(LogOptions{}), newRecorder(t)
		go feed(t, log, []arrival{{25 * time.Second, text("a")}, {16 * time.Second, text("b")}})
		p := Player{Log: log, Pace: DefaultPace(Typewriter), Heartbeat: 10 * time.Second}
		if err := p.Play(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{10 * time.Second, 20 * time.Second, 35 * time.Second}
		if !reflect.DeepEqual(r.beats, want) {
			t.Errorf("heartbeats at %v, want %v", r.beats, want)
		}
	})
}

func TestPlayStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, r := NewLog(LogOptions{}), newRecorder(t)
		if err := log.Append(text("abc")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
		defer cancel()
		p := Player{Log: log, Pace: fixed(t)}
		if err := p.Play(ctx, r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v", err)
		}
		checkSent(t, r, []string{"0 a", "100 b"})
		if len(log.readers) != 0 {
			t.Error("still subscribed")
		}
	})
}

// A player can continue from the position of any event.
func TestPlayFromEachPosition(t *testing.T) {
	pattern := []arrival{
		{0, other("created")},
		{0, text(`ab👩`)},
		{0, text("\u200d👧c")},
		{ms(5), other("x")},
		{0, text(`\ud83d`)},
		{0, text(`\ude00d`)},
		{0, other("done")},
	}
	synctest.Test(t, func(t *testing.T) {
		log, whole := NewLog(LogOptions{}), newRecorder(t)
		feed(t, log, pattern)
		if err := (&Player{Log: log, Pace: fixed(t)}).Play(context.Background(), whole); err != nil {
			t.Fatal(err)
		}
		for i := range whole.sent {
			rest := newRecorder(t)
			p := Player{Log: log, Pace: fixed(t), From: whole.sent[i].Next}
			if err := p.Play(context.Background(), rest); err != nil {
				t.Fatal(err)
			}
			want := ""
			for _, s := range whole.sent[i+1:] {
				text, _ := s.text(content)
				want += s.name[:1] + text
			}
			got := ""
			for _, s := range rest.sent {
				text, _ := s.text(content)
				got += s.name[:1] + text
			}
			if got != want {
				t.Errorf("from %v: got %q, want %q", p.From, got, want)
			}
		}
	})
}

// In raw mode, a player can start within a text, or at the end from an offset beyond it.
func TestPlayRawFromWithinAText(t *testing.T) {
	log := NewLog(LogOptions{})
	feed(t, log, []arrival{{0, text("abc")}, {0, text("d")}})
	for from, want := range map[Position]string{{0, 0}: "abcd", {0, 1}: "bcd", {0, 3}: "d", {0, 9}: "d", {1, 0}: "d"} {
		r := newRecorder(t)
		if err := (&Player{Log: log, Pace: DefaultPace(Raw), From: from}).Play(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if got := r.text(content); got != want {
			t.Errorf("from %v: got %q, want %q", from, got, want)
		}
	}
}

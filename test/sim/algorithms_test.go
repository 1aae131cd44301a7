package sim

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/typewriter"
)

// algorithm re-times a stream.
type algorithm struct {
	name string
	lag  time.Duration // the bound of the added latency; negative: none
	hold time.Duration // the longest wait of the first text for its end
	peer bool          // of another project
	run  func(*testing.T, []arrival) []item
}

var algorithms = []algorithm{
	player("typewriter", typewriter.DefaultPace(typewriter.Typewriter)),
	player("smooth", typewriter.DefaultPace(typewriter.Smooth)),
	player("typewriter, words", withUnit(typewriter.Typewriter)),
	player("smooth, words", withUnit(typewriter.Smooth)),
	player("typewriter, Markdown", withMarkdown(typewriter.Typewriter)),
	player("smooth, Markdown", withMarkdown(typewriter.Smooth)),
	player("raw", typewriter.DefaultPace(typewriter.Raw)),
	player("no bound", unbounded()),
	peer("smoothStream", smoothStream),
	peer("Segmenter", segmenterStream),
	peer("chat-ui", chatUI),
	peer("LibreChat", libreChat),
	peer("assistant-ui", assistantUI),
	peer("markstream", markstream),
	peer("SillyTavern", sillyTavern),
}

// peer returns the algorithm of another project, without a bound.
func peer(name string, run func(*testing.T, []arrival) []item) algorithm {
	return algorithm{name: name, lag: -1, peer: true, run: run}
}

// withUnit returns the pace of a mode with words as units.
func withUnit(mode typewriter.Mode) typewriter.Pace {
	pace := typewriter.DefaultPace(mode)
	pace.Unit = typewriter.Word
	return pace
}

// withMarkdown returns the pace of a mode with units of Markdown.
func withMarkdown(mode typewriter.Mode) typewriter.Pace {
	pace := typewriter.DefaultPace(mode)
	pace.Markdown = true
	return pace
}

// unbounded returns the typewriter pace without a max lag.
func unbounded() typewriter.Pace {
	pace := typewriter.DefaultPace(typewriter.Typewriter)
	pace.MaxLag = 0
	return pace
}

// item is a piece of text, or another event if channel is empty.
type item struct {
	at      time.Duration
	channel string
	text    string
}

// itemOf returns the item of an event.
func itemOf(at time.Duration, e typewriter.Event) item {
	if !e.Frame.IsText() {
		return item{at: at, text: e.Frame.Name + " " + e.Frame.Head}
	}
	return item{at: at, channel: e.Frame.Channel, text: e.Text}
}

// items returns the items of arrivals, unchanged in time.
func items(arrivals []arrival) []item {
	var all []item
	for _, a := range arrivals {
		all = append(all, itemOf(a.at, a.event))
	}
	return all
}

// player returns our own algorithm: a real log and player, in a synctest bubble.
func player(name string, pace typewriter.Pace) algorithm {
	pace.Seed = 1
	a := algorithm{name: name, lag: pace.Resolve().MaxLag}
	if pace.Unit == typewriter.Word {
		a.hold = typewriter.WordHoldTime
	}
	if pace.Markdown {
		a.hold = typewriter.MarkdownHoldTime
	}
	switch {
	case pace.Mode == typewriter.Raw:
		a.lag = 0
	case pace.MaxLag == 0:
		a.lag = -1
	}
	a.run = func(t *testing.T, arrivals []arrival) []item {
		var w *recorder
		synctest.Test(t, func(t *testing.T) {
			log := typewriter.NewLog(typewriter.LogOptions{})
			w = &recorder{t: t, start: time.Now()}
			go feed(t, log, arrivals) // ends with the pattern, before the player
			p := typewriter.Player{Log: log, Pace: pace, TrimPlayed: true}
			if err := p.Play(context.Background(), w); err != nil {
				t.Fatal(err)
			}
		})
		return w.sent
	}
	return a
}

// feed appends the events of arrivals to a log at their times, and ends the log.
func feed(t *testing.T, log *typewriter.Log, arrivals []arrival) {
	defer log.End()
	start := time.Now()
	for _, a := range arrivals {
		time.Sleep(time.Until(start.Add(a.at)))
		if err := log.Append(a.event); err != nil {
			t.Error(err)
			return
		}
	}
	time.Sleep(time.Nanosecond) // as between events
}

// recorder is a typewriter.Writer that records items with the time of their flush.
type recorder struct {
	t       *testing.T
	start   time.Time
	sent    []item
	flushed int
}

func (r *recorder) Write(o *typewriter.Output) error {
	data := string(o.AppendData(nil))
	it := item{text: o.Frame.Name + " " + data}
	for _, f := range []*typewriter.Frame{content, reasoning} {
		if text, ok := strings.CutPrefix(data, f.Head); ok {
			it.channel, it.text = f.Channel, strings.TrimSuffix(text, f.Tail)
		}
	}
	if it.channel != "" && it.text == "" {
		r.t.Error("an event of text has no text")
	}
	r.sent = append(r.sent, it)
	return nil
}

func (r *recorder) Flush() error {
	for ; r.flushed < len(r.sent); r.flushed++ {
		r.sent[r.flushed].at = time.Since(r.start)
	}
	return nil
}

func (r *recorder) Heartbeat() error { return nil }

package declarative

import (
	"context"
	"testing"
	"testing/synctest"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// parse returns the description in YAML.
func parse(t testing.TB, text string) *Description {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// builtinFormat returns a built-in format.
func builtinFormat(t testing.TB, name string) *upstream.Format {
	t.Helper()
	f := Builtin(Options{Model: "m", BotID: "b", UserID: "u"}).Find(name)
	if f == nil {
		t.Fatalf("there is no format %s", name)
	}
	return f
}

// sse is an event as in a stream.
type sse struct{ name, data string }

// unnamed returns events without names.
func unnamed(data ...string) []sse {
	var events []sse
	for _, d := range data {
		events = append(events, sse{data: d})
	}
	return events
}

// decodeAll decodes the events of a stream.
func decodeAll(d upstream.Decoder, stream []sse) []upstream.Event {
	var events []upstream.Event
	for _, e := range stream {
		events = append(events, d.Decode(e.name, e.data))
	}
	return events
}

// client records the data of the events that it gets. It implements [typewriter.Writer].
type client struct{ sent []string }

func (c *client) Write(o *typewriter.Output) error {
	c.sent = append(c.sent, string(o.AppendData(nil)))
	return nil
}

func (c *client) Flush() error     { return nil }
func (c *client) Heartbeat() error { return nil }

// typeAll types each cluster of events that arrive together, and returns the data of the
// pieces.
func typeAll(t *testing.T, events []upstream.Event) []string {
	t.Helper()
	c := &client{}
	synctest.Test(t, func(t *testing.T) {
		log := typewriter.NewLog(typewriter.LogOptions{})
		for _, e := range events {
			if err := log.Append(e.Event); err != nil {
				t.Fatal(err)
			}
		}
		log.End()
		pace := typewriter.DefaultPace(typewriter.Typewriter)
		pace.MinInterval, pace.MaxLag, pace.MaxTail, pace.Reasoning = 0, 0, 0, typewriter.Typewriter
		player := typewriter.Player{Log: log, Pace: pace}
		if err := player.Play(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	})
	return c.sent
}

// Package splittest tests formats: typing a stream in virtual time must not change the result
// of an SDK.
package splittest

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Event is an event of a stream.
type Event struct{ Name, Data string }

// Sent is an event as a client gets it.
type Sent struct {
	Event
	IsText, IsEmpty bool
	Lag             time.Duration
}

// Message is the result of an SDK that reads a stream. [reflect.DeepEqual] compares messages.
type Message interface{ Add(Event) }

// encode returns the stream of some events of a format.
func encode(format *upstream.Format, events []Event) string {
	if format.Framing != upstream.NDJSON {
		return Encode(events)
	}
	var b strings.Builder
	for _, e := range events {
		b.WriteString(e.Data + "\n")
	}
	return b.String()
}

// Encode returns the stream of some events in SSE.
func Encode(events []Event) string {
	var b strings.Builder
	for _, e := range events {
		if e.Name != "" {
			b.WriteString("event: " + e.Name + "\n")
		}
		b.WriteString("data: " + strings.ReplaceAll(e.Data, "\n", "\ndata: ") + "\n\n")
	}
	return b.String()
}

// Decode reads a stream of a format to its end.
func Decode(t testing.TB, format *upstream.Format, stream string) ([]upstream.Event, *upstream.Error) {
	t.Helper()
	client := upstream.NewClient("http://upstream.invalid", service{stream, format.Framing.ContentType()})
	reply, err := client.Do(context.Background(), upstream.Request{Method: http.MethodPost, Format: format, Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	events, failure := reply.Events()
	var all []upstream.Event
	for e := range events {
		all = append(all, e)
	}
	return all, failure()
}

// service replies to each request with a stream.
type service struct{ stream, contentType string }

// RoundTrip implements [http.RoundTripper].
func (s service) RoundTrip(r *http.Request) (*http.Response, error) {
	header := http.Header{"Content-Type": {s.contentType + "; charset=utf-8"}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(s.stream)), Request: r}, nil
}

// client records events. It implements [typewriter.Writer].
type client struct{ sent []Sent }

func (c *client) Write(o *typewriter.Output) error {
	e := Event{o.Frame.Name, string(o.AppendData(nil))}
	c.sent = append(c.sent, Sent{e, o.Frame.IsText(), len(o.Text) == 0, o.Lag})
	return nil
}

func (c *client) Flush() error     { return nil }
func (c *client) Heartbeat() error { return nil }

// Play plays events that arrive with gaps, in a synctest bubble.
func Play(t testing.TB, pace typewriter.Pace, events []upstream.Event, gap func() time.Duration) []Sent {
	t.Helper()
	log, c := typewriter.NewLog(typewriter.LogOptions{}), &client{}
	go func() { // ends with the events
		for _, e := range events {
			time.Sleep(gap())
			if err := log.Append(e.Event); err != nil {
				t.Error(err)
			}
		}
		log.End()
	}()
	player := typewriter.Player{Log: log, Pace: pace}
	if err := player.Play(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	return c.sent
}

// Pieces returns the pieces of an event whose text is typed cluster by cluster.
func Pieces(t *testing.T, e upstream.Event) []string {
	t.Helper()
	pace := typewriter.DefaultPace(typewriter.Typewriter)
	pace.MaxLag, pace.MaxTail, pace.MinInterval = 0, 0, 0
	var pieces []string
	synctest.Test(t, func(t *testing.T) {
		for _, s := range Play(t, pace, []upstream.Event{e}, func() time.Duration { return 0 }) {
			pieces = append(pieces, s.Data)
		}
	})
	return pieces
}

// Check types a stream at a random pace and compares the results of an SDK, with and without
// typing: at the end, and before each event without text.
func Check(t *testing.T, r *rand.Rand, format *upstream.Format, stream []Event, newMessage func() Message) {
	t.Helper()
	events, _ := Decode(t, format, encode(format, stream))
	events = events[:min(len(events), len(stream))] // without the error of a truncated stream
	pace := typewriter.DefaultPace([]typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw}[r.IntN(3)])
	pace.MaxLag = []time.Duration{50, 400, 3000}[r.IntN(3)] * time.Millisecond
	pace.SmoothMaxLag = pace.MaxLag
	pace.MinInterval = []time.Duration{0, 8, 40}[r.IntN(3)] * time.Millisecond
	longest := []time.Duration{1, 30, 300}[r.IntN(3)] * time.Millisecond
	var got []Sent
	synctest.Test(t, func(t *testing.T) {
		got = Play(t, pace, events, func() time.Duration { return time.Duration(r.Int64N(int64(longest))) })
	})

	have, want, next := newMessage(), newMessage(), 0
	for _, s := range got {
		switch {
		case !s.IsText:
			for ; next < len(events) && events[next].Frame.IsText(); next++ {
				want.Add(stream[next])
			}
			if next == len(events) || s.Name != stream[next].Name || s.Data != jsontext.SingleLine(stream[next].Data) {
				t.Fatalf("got event %v, want event %d: %v", s.Event, next, stream[min(next, len(stream)-1)])
			}
			if !reflect.DeepEqual(have, want) {
				t.Fatalf("before event %d:\ngot  %v\nwant %v", next, have, want)
			}
			want.Add(stream[next])
			next++
		case s.IsEmpty:
			t.Errorf("got an empty piece: %s", s.Data)
		case s.Lag > pace.MaxLag:
			t.Errorf("got %s after %v, want at most %v", s.Data, s.Lag, pace.MaxLag)
		}
		have.Add(s.Event)
	}
	for ; next < len(events); next++ {
		want.Add(stream[next])
	}
	if !reflect.DeepEqual(have, want) {
		t.Fatalf("at the end:\ngot  %v\nwant %v", have, want)
	}
}

// Recordings returns the recorded streams of a service by the names of their files, or skips
// the test: a clone does not have them.
func Recordings(t *testing.T, service string) map[string][]Event {
	t.Helper()
	dir := filepath.Join(root(t), "../shared/recordings", service)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Skip("there are no recordings")
	}
	all := map[string][]Event{}
	for _, file := range files {
		if file.Name() == "SOURCES.txt" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file.Name(), ".chunks.txt") { // a line has the data of an event
			for line := range strings.Lines(string(content)) {
				if data := strings.TrimSpace(line); data != "" {
					all[file.Name()] = append(all[file.Name()], Event{Data: data})
				}
			}
			continue
		}
		all[file.Name()] = ParseStream(string(content))
	}
	if len(all) == 0 {
		t.Fatalf("got %d recordings in %s", len(all), dir)
	}
	return all
}

// root returns the path of the module.
func root(t *testing.T) string {
	t.Helper()
	dir := "."
	for range 10 {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Join(dir, "..")
	}
	t.Fatal("there is no go.mod above the package")
	return ""
}

// ParseStream returns the events of a stream, each with one line of data.
func ParseStream(stream string) []Event {
	var events []Event
	e := Event{}
	for line := range strings.Lines(stream) {
		line = strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "event":
			e.Name = value
		case name == "data":
			e.Data = value
		case line == "" && e.Data != "":
			events = append(events, e)
			e = Event{}
		}
	}
	return events
}

// Text returns a random text, perhaps empty, as the inside of a JSON string.
func Text(r *rand.Rand) string {
	spellings := []string{
		"a", "b", " ", "你", "好", "，", `\n`, `\"`, `\\`, "é", "👨‍👩‍👧", "\u2028", "\u0085", "🇨🇳", "}",
		`\u4f60`, "👩", "\u200d", "\u0301", `\ud83d`, `\ude00`, `\r`, `\u00e9`,
	}
	var out strings.Builder
	for range r.IntN(12) {
		out.WriteString(spellings[r.IntN(len(spellings))])
	}
	return out.String()
}

// CheckRun checks an event without a name and the next event of its run: valid JSON stays
// valid, whole or cut, and the next event, with another text, has the frame of the first.
func CheckRun(t *testing.T, d upstream.Decoder, data, text string) {
	t.Helper()
	e := d.Decode("", data)
	want := data
	if json.Valid([]byte(data)) {
		want = jsontext.SingleLine(data)
	}
	if e.Payload() != want {
		t.Fatalf("got %q, want %q", e.Payload(), want)
	}
	quoted, err := json.Marshal(text)
	if !e.Frame.IsText() || err != nil || text == "" {
		return
	}
	if p := e.Frame.Head + "a" + e.Frame.Tail; json.Valid([]byte(data)) && !json.Valid([]byte(p)) {
		t.Errorf("got %q, which is not JSON", p)
	}
	next := typewriter.Event{Frame: e.Frame, Text: string(quoted[1 : len(quoted)-1])}
	if again := d.Decode("", next.Payload()); again.Frame != e.Frame || again.Text != next.Text {
		t.Errorf("got text %q of %q, want %q", again.Text, again.Payload(), next.Text)
	}
}

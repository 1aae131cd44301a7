package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// sent is an event as a client gets it.
type sent struct {
	event
	isText, isEmpty bool
	lag             time.Duration
}

// client records the events that it gets. It implements [typewriter.Writer].
type client struct{ sent []sent }

func (c *client) Write(o *typewriter.Output) error {
	e := event{o.Frame.Name, string(o.AppendData(nil))}
	c.sent = append(c.sent, sent{e, o.Frame.IsText(), len(o.Text) == 0, o.Lag})
	return nil
}

func (c *client) Flush() error     { return nil }
func (c *client) Heartbeat() error { return nil }

// play plays events that arrive with gaps, in a synctest bubble.
func play(t *testing.T, pace typewriter.Pace, events []upstream.Event, gap func() time.Duration) []sent {
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

// message is what an SDK has made of a stream: each field of a delta with all its values
// joined, and each object or list with the values that it had in turn.
type message map[string]any

// add adds an event. An SDK concatenates strings, except for those that it overwrites.
func (m message) add(data string) {
	var chunk map[string]any
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.UseNumber() // any number is valid
	if decoder.Decode(&chunk) != nil {
		m.append("other", data)
		return
	}
	for key, value := range chunk {
		if key != "choices" {
			m.addValue(key, value)
		}
	}
	choices, _ := chunk["choices"].([]any)
	for i, value := range choices {
		choice, _ := value.(map[string]any)
		at := fmt.Sprint("choice ", i, " ")
		if index, ok := choice["index"]; ok {
			at = fmt.Sprint("choice ", index, " ")
		}
		delta, _ := choice["delta"].(map[string]any)
		for key, value := range choice {
			if text, ok := value.(string); ok && key == "text" {
				m.join(at+key, text)
			} else if key != "delta" && key != "content_filter_results" {
				m.addValue(at+key, value)
			}
		}
		m.addDelta(at+"delta ", delta)
	}
}

func (m message) addDelta(at string, delta map[string]any) {
	for key, value := range delta {
		switch v := value.(type) {
		case string:
			if key == "type" {
				m[at+key] = v
			} else {
				m.join(at+key, v)
			}
		case []any:
			if key != "reasoning_details" {
				m.addValue(at+key, v)
				continue
			}
			for _, element := range v {
				detail, _ := element.(map[string]any)
				m.addDelta(fmt.Sprint(at, key, " ", detail["type"], " "), detail)
			}
		default:
			if key != "index" {
				m.addValue(at+key, v)
			}
		}
	}
}

// addValue adds a value that is not text. Empty values do not count.
func (m message) addValue(at string, value any) {
	switch v := value.(type) {
	case nil:
	case []any:
		if len(v) > 0 {
			m.append(at, v)
		}
	case map[string]any:
		if len(v) > 0 {
			m.append(at, v)
		}
	case string:
		if strings.HasSuffix(at, "_reason") {
			m.append(at, v)
		} else {
			m[at] = v // an id and the like, which is overwritten
		}
	default:
		if strings.Contains(at, "delta") {
			m.append(at, v)
		} else {
			m[at] = v
		}
	}
}

func (m message) append(at string, value any) {
	all, _ := m[at].([]any)
	m[at] = append(all, value)
}

func (m message) join(at, text string) {
	before, _ := m[at].(string)
	if text != "" {
		m[at] = before + text
	}
}

// checkStream plays a stream and compares what an SDK makes of the result with what it
// makes of the stream itself.
func checkStream(t *testing.T, r *rand.Rand, stream []event) {
	t.Helper()
	events, _ := decodeAll(t, encodeAll(stream))
	events = events[:min(len(events), len(stream))] // without the error of a truncated recording
	pace := typewriter.DefaultPace([]typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw}[r.IntN(3)])
	pace.MaxLag = []time.Duration{50, 400, 3000}[r.IntN(3)] * time.Millisecond
	pace.SmoothMaxLag = pace.MaxLag
	pace.MinInterval = []time.Duration{0, 8, 40}[r.IntN(3)] * time.Millisecond
	longest := []time.Duration{1, 30, 300}[r.IntN(3)] * time.Millisecond
	var got []sent
	synctest.Test(t, func(t *testing.T) {
		got = play(t, pace, events, func() time.Duration { return time.Duration(r.Int64N(int64(longest))) })
	})

	want, have := message{}, message{}
	next := 0
	for _, s := range got {
		switch {
		case !s.isText:
			for ; next < len(stream) && events[next].Frame.IsText(); next++ {
				want.add(stream[next].data)
			}
			if next == len(stream) || s.name != stream[next].name || s.data != jsontext.SingleLine(stream[next].data) {
				t.Fatalf("got event %v, want event %d: %v", s.event, next, stream[next])
			}
			if !reflect.DeepEqual(have, want) {
				t.Fatalf("before event %d:\ngot  %v\nwant %v", next, have, want)
			}
			want.add(stream[next].data)
			next++
		case s.isEmpty:
			t.Errorf("got an empty piece: %s", s.data)
		}
		if s.isText && s.lag > pace.MaxLag {
			t.Errorf("got %s after %v, want at most %v", s.data, s.lag, pace.MaxLag)
		}
		have.add(s.data)
	}
	for ; next < len(stream); next++ {
		want.add(stream[next].data)
	}
	if !reflect.DeepEqual(have, want) {
		t.Fatalf("at the end:\ngot  %v\nwant %v", have, want)
	}
}

// readRecording reads the events of a file, which has all of a stream or only its data, one
// event a line.
func readRecording(t *testing.T, path string) []event {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []event
	e := event{}
	for line := range strings.SplitSeq(string(content), "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case strings.HasSuffix(path, ".chunks.txt"):
			if line != "" {
				events = append(events, event{data: line})
			}
		case strings.HasPrefix(line, "event:"):
			e.name = strings.TrimPrefix(strings.TrimPrefix(line, "event:"), " ")
		case strings.HasPrefix(line, "data:"):
			e.data = strings.TrimPrefix(strings.TrimPrefix(line, "data:"), " ")
		case line == "" && e.data != "":
			events = append(events, e)
			e = event{}
		}
	}
	return events
}

// Whatever an SDK makes of a recorded stream it makes of the typed one.
func TestRecordings(t *testing.T) {
	const dir = "../../../shared/recordings"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there are no recordings")
	}
	for _, pattern := range []string{"openai-chat/*", "openai-completions/*", "vendors/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(paths) < 2 {
			t.Fatalf("%s: got %q, %v", pattern, paths, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "SOURCES.txt") {
				continue
			}
			t.Run(filepath.Base(path), func(t *testing.T) {
				stream := readRecording(t, path)
				for seed := range uint64(3) {
					checkStream(t, rand.New(rand.NewPCG(seed, 0)), stream)
				}
				checkTyped(t, stream)
			})
		}
	}
}

// checkTyped checks that each chunk of a stream with one text is split.
func checkTyped(t *testing.T, stream []event) {
	t.Helper()
	d := decoder{}
	for _, e := range stream {
		delta, want := gjson.Get(e.data, "choices.0.delta"), 0
		for _, text := range []gjson.Result{
			delta.Get("content"), delta.Get("reasoning"), delta.Get("reasoning_content"), gjson.Get(e.data, "choices.0.text"),
		} {
			if text.Type == gjson.String && text.Str != "" {
				want++
			}
		}
		if got := d.Decode(e.name, e.data).Frame.IsText(); got != (want > 0) && !delta.Get("reasoning_details").Exists() {
			t.Errorf("got typed %t of %s", got, e.data)
		}
	}
}

const propertyCases = 2000

// Whatever an SDK makes of a stream it makes of the typed one.
func TestProperties(t *testing.T) {
	for i := range uint64(propertyCases) {
		r := rand.New(rand.NewPCG(20261, i))
		ok := t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { checkStream(t, r, generateStream(r)) })
		if !ok {
			return
		}
	}
}

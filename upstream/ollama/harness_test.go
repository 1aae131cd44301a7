package ollama

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// format is the format with a model.
var format = New(Options{Model: "test"})

// decodeAll reads a stream to its end.
func decodeAll(t testing.TB, stream string) ([]upstream.Event, *upstream.Error) {
	t.Helper()
	client := upstream.NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {"application/x-ndjson"}}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(stream)), Request: r}, nil
	}))
	reply, err := client.Do(context.Background(), upstream.Request{Method: http.MethodPost, Format: format, Path: pathChat})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reply.Close)
	events, failure := reply.Events()
	var got []upstream.Event
	for e := range events {
		got = append(got, e)
	}
	return got, failure()
}

// sent is a line as a client gets it.
type sent struct {
	data            string
	isText, isEmpty bool
	lag             time.Duration
}

// client records the lines that it gets. It implements [typewriter.Writer].
type client struct{ sent []sent }

func (c *client) Write(o *typewriter.Output) error {
	c.sent = append(c.sent, sent{string(o.AppendData(nil)), o.Frame.IsText(), len(o.Text) == 0, o.Lag})
	return nil
}

func (c *client) Flush() error     { return nil }
func (c *client) Heartbeat() error { return nil }

// play plays events that arrive with gaps.
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

// result is what an SDK's user has made of a stream: the joined texts, and the other fields
// with their values in turn.
type result map[string]any

// add adds a line.
func (r result) add(data string) {
	var line map[string]any
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.UseNumber() // any number is valid
	if decoder.Decode(&line) != nil {
		r.append("other", data)
		return
	}
	for key, value := range line {
		if message, ok := value.(map[string]any); ok && key == "message" {
			for key, value := range message {
				r.addField("message "+key, value)
			}
			continue
		}
		r.addField(key, value)
	}
}

func (r result) addField(at string, value any) {
	switch v := value.(type) {
	case string:
		switch at {
		case "message content", "message thinking", "response", "thinking":
			before, _ := r[at].(string)
			r[at] = before + v
		case "done_reason":
			r.append(at, v)
		default:
			r[at] = v // a name or a time
		}
	case nil:
	case bool:
		if v {
			r.append(at, v)
		}
	default:
		if text := fmt.Sprint(v); text != "[]" && text != "map[]" {
			r.append(at, v)
		}
	}
}

func (r result) append(at string, value any) {
	all, _ := r[at].([]any)
	r[at] = append(all, value)
}

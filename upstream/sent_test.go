package upstream

import (
	"net/http"
	"slices"
	"testing"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
)

// tellingFormat is plainFormat with errors that repeat the first and the last event.
var tellingFormat = &Format{
	Name:       "telling",
	NewDecoder: plainFormat.NewDecoder,
	ErrorEvents: func(err *Error, sent Sent) []typewriter.Event {
		all := err.Reason
		for _, e := range []typewriter.Event{sent.First, sent.Last} {
			if e.Frame != nil {
				all += " " + e.Payload()
			}
		}
		return []typewriter.Event{Pass("error", all, nil).Event}
	},
}

// The events of a failure depend on the events before the failure, also if another replica
// has read them.
func TestErrorEventsFollowStream(t *testing.T) {
	for _, test := range []struct {
		name, stream string
		recorded     []string
		want         string
	}{
		{"no events", "", nil, "cut"},
		{"one event", "data: a\n\n", nil, "cut a a"},
		{"several events", "data: a\n\ndata: b\n\ndata: c\n\n", nil, "cut a c"},
		{"recorded events", "", []string{"a", "b"}, "cut a b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				header := http.Header{"Content-Type": {"text/event-stream"}}
				return &http.Response{StatusCode: http.StatusOK, Header: header, Body: testenv.InPieces(test.stream, 0), Request: r}, nil
			}))
			events, failure := client.Continue(t.Context(), tellingFormat, Opening{}, recorded(test.recorded))
			if test.recorded == nil {
				reply, err := client.Do(t.Context(), Request{Method: http.MethodPost, Format: tellingFormat, Path: "/", Body: []byte("{}")})
				if err != nil {
					t.Fatal(err)
				}
				defer reply.Close()
				events, failure = reply.Events()
			}
			all := slices.Collect(events)
			if last := all[len(all)-1]; last.Payload() != test.want || last.Meaning.Failure != failure() {
				t.Errorf("got %q with failure %v, want %q", last.Payload(), last.Meaning.Failure, test.want)
			}
		})
	}
}

func recorded(data []string) func(yield func(typewriter.Event) bool) {
	return func(yield func(typewriter.Event) bool) {
		for _, d := range data {
			if !yield(Pass("", d, nil).Event) {
				return
			}
		}
	}
}

package responses

import (
	"slices"
	"testing"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// sent returns a part of a stream.
func sent(names bool, data ...string) upstream.Sent {
	var s upstream.Sent
	d := newDecoder()
	for _, data := range data {
		name := ""
		if names {
			name = "name"
		}
		s.Add(d.Decode(name, data).Event)
	}
	return s
}

func lines(events []typewriter.Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.Frame.Name+" "+e.Payload())
	}
	return all
}

const created = `{"type":"response.created","sequence_number":0,"response":{"id":"r","status":"queued","error":null,"n":1.0}}`

// An error has the next number, and is followed by the failed response. Names are added only
// where the service sends names.
func TestErrorEvents(t *testing.T) {
	const (
		first  = `error {"type":"error","sequence_number":0,"error":{"message":"upstream ended mid-stream","type":"server_error","param":null,"code":"cut"}}`
		fifth  = `{"type":"error","sequence_number":5,"error":{"message":"upstream ended mid-stream","type":"server_error","param":null,"code":"cut"}}`
		failed = `{"type":"response.failed","sequence_number":6,"response":{"error":{"code":"cut","message":"upstream ended mid-stream"},"id":"r","n":1.0,"status":"failed"}}`
	)
	for _, test := range []struct {
		name string
		sent upstream.Sent
		want []string
	}{
		{"nothing", upstream.Sent{}, []string{first}},
		{"a stream", sent(true, created, delta("a")), []string{"error " + fifth, "response.failed " + failed}},
		{"without names", sent(false, created, delta("a")), []string{" " + fifth, " " + failed}},
		{"without the beginning", sent(true, delta("a"), delta("b")), []string{"error " + fifth}},
		{"the end alone", upstream.Sent{Last: newDecoder().Decode("x", delta("a")).Event}, []string{"error " + fifth}},
		{"no numbers", sent(true, "not JSON"), []string{first}},
		{"a strange response", sent(true, `{"response":[1],"sequence_number":4}`), []string{"error " + fifth}},
	} {
		t.Run(test.name, func(t *testing.T) {
			events := errorEvents(apierror.Cut, test.sent)
			if got := lines(events); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			last := events[len(events)-1]
			if m := newDecoder().Decode(last.Frame.Name, last.Payload()).Meaning; m.Failure == nil || m.Failure.Reason != apierror.Cut.Reason {
				t.Errorf("the last event means %+v, want the failure", m)
			}
		})
	}
}

// A canceled stream ends with an incomplete response.
func TestStopped(t *testing.T) {
	want := []string{`response.incomplete {"type":"response.incomplete","sequence_number":5,"response":{"error":null,"id":"r","incomplete_details":{"reason":"cancelled"},"n":1.0,"status":"incomplete"}}`}
	if got := lines(stopped(sent(true, created, delta("a")))); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := stopped(upstream.Sent{}); len(got) > 0 {
		t.Errorf("got %q without a response", lines(got))
	}
}

package handler

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/declarative"
)

// description describes a service of a user, with a framing.
const description = `
paths: ["*/talk"]
framing: %s
texts: [{path: data.answer}]
last: [data.usage, {path: data.end, otherwise: false}]
done: [{path: data.end}]
chat: id
stop: {path: "/stop/{chat}"}
error: {%s}
`

// errorForm describes the errors of a service: a message alone.
const errorForm = `signs: [{path: error}], message: [error.text], data: '{"error":{"text":"{message}"}}'`

// ownService is a service of a user. It replies with events, one each second, and is silent
// for a time before the end of the reply.
type ownService struct {
	framing string
	errors  string // description of errors; empty: errorForm
	events  []string
	silence time.Duration
	asked   []string // paths of all requests
}

// RoundTrip implements [http.RoundTripper].
func (s *ownService) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.URL.Path)
	before, after, contentType := "data: ", "\n\n", "text/event-stream"
	if s.framing == "ndjson" {
		before, after, contentType = "", "\n", "application/x-ndjson"
	}
	body, w := io.Pipe()
	pause := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	go func() { // ends after the silence, or with the request
		for _, e := range s.events {
			if _, err := io.WriteString(w, before+e+after); err != nil || pause(time.Second) != nil {
				break
			}
		}
		_ = pause(s.silence)
		_ = w.Close() // never fails
	}()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {contentType}}, Body: body, Request: r}, nil
}

// newOwnServer returns a server in front of a service of a user.
func newOwnServer(t *testing.T, s *ownService) *testServer {
	t.Helper()
	d, err := declarative.Parse(fmt.Appendf(nil, description, s.framing, cmp.Or(s.errors, errorForm)))
	if err != nil {
		t.Fatal(err)
	}
	_, server := newTestHandler(t, s, func(o *Options, _ *streams.Options) {
		o.Upstreams[0].Formats = append(upstream.Formats{d.New("own", declarative.Options{})}, o.Upstreams[0].Formats...)
	})
	return server
}

// The events of a service of a user.
const (
	ownText = `{"id":"7","data":{"answer":"hello "}}`
	ownEnd  = `{"id":"7","data":{"answer":"world","end":true,"usage":{"n":1}}}`
)

// ownAnswer joins the answer in events or lines, the usage, the end and the error.
func ownAnswer(stream string) string {
	answer := ""
	for line := range strings.SplitSeq(stream, "\n") {
		_, data, isEvent := strings.Cut(line, "data: ")
		if !isEvent {
			data = line
		}
		e := gjson.Parse(data)
		answer += e.Get("data.answer").Str + e.Get("data.usage").Raw + e.Get("error.text").Str + e.Get("error.message").Str + e.Get("oops").Str
		if e.Get("data.end").Bool() {
			answer += " END"
		}
	}
	return answer
}

// ownRequest is a request to a service of a user, for a stream with event ids.
func ownRequest() request {
	return request{method: "POST", url: "/v1/talk", body: `{}`, header: map[string]string{"Typewriter-Event-Ids": "on"}}
}

// The stream of a service of a user is typed, and resumes behind any event.
func TestOwnFormat(t *testing.T) {
	for _, framing := range []string{"sse", "compact-sse", "ndjson"} {
		t.Run(framing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newOwnServer(t, &ownService{framing: framing, events: []string{ownText, ownEnd}})
				const want = `hello world{"n":1} END`
				a := server.serve(t.Context(), t, ownRequest())
				if got := ownAnswer(strings.ReplaceAll(a.text(), "data:{", "data: {")); got != want || !a.complete || len(a.chunks) < 8 {
					t.Fatalf("got %q in %d chunks, complete %t", got, len(a.chunks), a.complete)
				}
				get := request{method: "GET", url: streamsPath + a.header("Typewriter-Stream"), header: map[string]string{"Accept": "text/event-stream"}}
				full := strings.Split(strings.TrimSuffix(server.serve(t.Context(), t, get).text(), "\n\n"), "\n\n")
				if framing != "ndjson" {
					full = strings.Split(strings.TrimSuffix(a.text(), "\n\n"), "\n\n")
				}
				for i, block := range full[:len(full)-1] {
					id, _, _ := strings.Cut(strings.TrimPrefix(block, "id:"), "\n")
					get.header["Last-Event-ID"] = strings.TrimSpace(id)
					stream := strings.Join(full[:i+1], "\n") + "\n" + server.serve(t.Context(), t, get).text()
					if got := ownAnswer(strings.ReplaceAll(stream, "data:{", "data: {")); got != want {
						t.Errorf("after %s: got %q, want %q", id, got, want)
					}
				}
			})
		})
	}
}

// A stopped stream stops the chat at the service.
func TestOwnFormatStops(t *testing.T) {
	for _, framing := range []string{"sse", "ndjson"} {
		t.Run(framing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &ownService{framing: framing, events: []string{ownText, ownText, ownText, ownEnd}, silence: time.Hour}
				server := newOwnServer(t, s)
				r, stopped := ownRequest(), false
				r.received = func(a answer) {
					if !stopped && len(a.chunks) > 3 {
						stopped = true
						server.serve(context.Background(), t, request{method: "DELETE", url: streamsPath + a.header("Typewriter-Stream")})
					}
				}
				a := server.serve(t.Context(), t, r)
				if got := ownAnswer(a.text()); !a.complete || !strings.HasPrefix(got, "hell") || strings.Contains(got, "END") || !slices.Contains(s.asked, "/stop/7") {
					t.Errorf("got %q, complete %t, requests %q", got, a.complete, s.asked)
				}
			})
		})
	}
}

// Silence is filled with the heartbeat of the framing.
func TestOwnFormatHeartbeat(t *testing.T) {
	for framing, heartbeat := range map[string]string{"sse": "\n\n", "ndjson": " "} {
		t.Run(framing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newOwnServer(t, &ownService{framing: framing, events: []string{ownText}, silence: time.Minute}).serve(t.Context(), t, ownRequest())
				if n := len(slices.DeleteFunc(slices.Clone(a.chunks), func(c chunk) bool { return c.data != heartbeat })); n != 4 || !strings.HasPrefix(ownAnswer(a.text()), "hello ") {
					t.Errorf("got %d heartbeats in %q", n, a.text())
				}
			})
		})
	}
}

// An error of the service passes, and a cut stream ends with an error and a broken body.
func TestOwnFormatFails(t *testing.T) {
	for _, framing := range []string{"sse", "ndjson"} {
		for _, test := range []struct {
			name, errors, event, want string
			complete                  bool
		}{
			{"an error", "", `{"error":{"text":"busy"}}`, "hello busy", true},
			{"cut", "", ownText, "hello hello upstream ended mid-stream", false},
			{"cut, without a description of errors", "event: error", ownText, "hello hello upstream ended mid-stream", false},
			{"cut, with errors in another form", "data: \"{\\\"oops\\\":\\n \\\"{message}\\\"}\"", ownText, "hello hello upstream ended mid-stream", false},
		} {
			t.Run(framing+"/"+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newOwnServer(t, &ownService{framing: framing, errors: test.errors, events: []string{ownText, test.event}}).serve(t.Context(), t, ownRequest())
					if got := ownAnswer(a.text()); got != test.want || a.complete != test.complete {
						t.Errorf("got %q, complete %t, want %q, %t", got, a.complete, test.want, test.complete)
					}
				})
			})
		}
	}
}

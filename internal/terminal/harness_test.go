package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// answering answers a request.
type answering func(*http.Request) (*http.Response, error)

// server is a transport that answers each request in turn.
type server struct {
	replies []answering
	seen    []seenRequest
	begun   time.Time
}

// seenRequest is a received request.
type seenRequest struct {
	at     time.Duration
	line   string
	header http.Header
	body   string
}

// RoundTrip implements [http.RoundTripper].
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	seen := seenRequest{at: time.Since(s.begun), line: r.Method + " " + r.URL.String(), header: r.Header}
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		seen.body = string(body)
	}
	s.seen = append(s.seen, seen)
	if len(s.replies) == 0 {
		return reply(http.StatusNoContent, "", nil)(r)
	}
	next := s.replies[0]
	s.replies = s.replies[1:]
	return next(r)
}

// lines returns the request lines received so far.
func (s *server) lines() []string {
	lines := []string{}
	for _, seen := range s.seen {
		lines = append(lines, seen.line)
	}
	return lines
}

// newServer returns a server with these replies.
func newServer(replies ...answering) *server {
	return &server{replies: replies, begun: time.Now()}
}

// reply answers with a body that ends in err; nil is a regular end.
func reply(status int, body string, err error, header ...string) answering {
	return func(r *http.Request) (*http.Response, error) {
		res := &http.Response{
			Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Header: http.Header{}, Request: r,
			Body: io.NopCloser(io.MultiReader(strings.NewReader(body), &ending{r.Context(), err})),
		}
		for i := 0; i < len(header); i += 2 {
			res.Header.Set(header[i], header[i+1])
		}
		return res, nil
	}
}

// errWait makes a body block until its context is done.
var errWait = errors.New("never")

// ending is the end of a body.
type ending struct {
	ctx context.Context
	err error
}

func (e *ending) Read([]byte) (int, error) {
	switch {
	case e.err == nil:
		return 0, io.EOF
	case errors.Is(e.err, errWait):
		<-e.ctx.Done()
		return 0, e.ctx.Err()
	}
	return 0, e.err
}

// stream answers with an event stream.
func stream(events string, err error) answering {
	return reply(http.StatusOK, events, err, "Content-Type", "text/event-stream; charset=utf-8", "Typewriter-Stream", "stream", "X-Tt-Logid", "log")
}

// refuse fails to connect.
func refuse(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }

// delta is a delta event with text.
func delta(id int, text string) string {
	return fmt.Sprintf("id:stream:%d\nevent:conversation.message.delta\ndata:{\"type\":\"answer\",\"content_type\":\"text\",\"content\":\"%s\"}\n\n", id, text)
}

const done = "id:stream:99\nevent:done\ndata:\"[DONE]\"\n\n"

// run sends "hi" and returns the output.
func run(ctx context.Context, t *testing.T, s *server, terminal Terminal) (string, error) {
	t.Helper()
	var out strings.Builder
	if terminal.Out == nil {
		terminal.Out = &out
	}
	err := Run(ctx, Options{URL: "http://h", Token: "secret", Message: []string{"hi"}}, terminal, s)
	return out.String(), err
}

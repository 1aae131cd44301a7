package coze

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/upstream"
)

// question is a question, whose answer is short enough to be cut everywhere.
const question = `{"bot_id":"1","user_id":"2","stream":true,"additional_messages":[{"role":"user","content":"hi"}]}`

// chatOf returns a request for a chat of the stand-in with a scenario.
func chatOf(scenario string) upstream.Request {
	header := http.Header{"Authorization": {"Bearer pat_x"}, "Content-Type": {"application/json"}}
	if scenario != "" {
		header.Set(mock.ScenarioHeader, scenario)
	}
	return upstream.Request{Method: http.MethodPost, Format: format, Path: "/v3/chat", Header: header, Body: []byte(question)}
}

// timed is an event with the time of arrival.
type timed struct {
	upstream.Event
	at time.Duration
}

// listen opens a stream and reads all events.
func listen(ctx context.Context, t *testing.T, client *upstream.Client, req upstream.Request) (got []timed, failure *upstream.Error) {
	t.Helper()
	start := time.Now()
	reply, err := client.Do(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	events, failed := reply.Events()
	for e := range events {
		got = append(got, timed{e, time.Since(start)})
	}
	return got, failed()
}

// firstPause is the first pause of an [upstream.Backoff].
const firstPause = 500 * time.Millisecond

// theTime is the only difference between coze-studio's deltas.
var theTime = regexp.MustCompile(`,"created_at":\d+`)

// differ compares events and tells the first difference; empty if there is none.
func differ(got, want []event) string {
	for i := range max(len(got), len(want)) {
		none := event{"nothing", ""}
		g, w := append(slices.Clone(got), none), append(slices.Clone(want), none)
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("event %d is %.600q\nwant %.600q", i, g[min(i, len(got))], w[min(i, len(want))])
		}
	}
	return ""
}

// told is joined without the event of a running chat: a recovered chat has already ended.
func told(events []timed) []event {
	return slices.DeleteFunc(joined(events), func(e event) bool { return e.name == "conversation.chat.in_progress" })
}

// joined returns events with a run of deltas that differ in their text alone as one,
// their text decoded.
func joined(events []timed) []event {
	var all []event
	around, text := "", ""
	flush := func() {
		if around != "" {
			var s string
			_ = json.Unmarshal([]byte(`"`+text+`"`), &s) // valid: it was JSON
			all = append(all, event{around, s})
		}
		around, text = "", ""
	}
	for _, e := range events {
		a := e.Frame.Name + " " + e.Frame.Head + "…" + e.Frame.Tail
		a = theTime.ReplaceAllString(a, "")
		if a != around || !e.Frame.IsText() {
			flush()
		}
		if e.Frame.IsText() {
			around, text = a, text+e.Text
			continue
		}
		all = append(all, event{e.Frame.Name, e.Frame.Head})
	}
	flush()
	return all
}

// cutter is a transport to a stand-in, and cuts the first stream.
type cutter struct {
	standIn *mock.StandIn
	at      int   // how many bytes come
	err     error // nil: the response ends well
	seen    []string
}

func (c *cutter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.seen = append(c.seen, r.Method+" "+r.URL.Path)
	res, err := c.standIn.RoundTrip(r)
	if err == nil && len(c.seen) == 1 {
		ends := io.Reader(strings.NewReader(""))
		if c.err != nil {
			ends = &testenv.Body{Err: c.err}
		}
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(res.Body, int64(c.at)), ends), res.Body}
	}
	return res, err
}

// recording returns the bytes of a stream of the stand-in.
func recording(ctx context.Context, t *testing.T, scenario string) []byte {
	t.Helper()
	r := chatOf(scenario)
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://standin"+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = r.Header
	res, err := mock.New(7, cozemock.New()).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, _ := io.ReadAll(res.Body)
	return all
}

// answers is how a test's own service answers.
type answers func(r *http.Request) (status int, body string)

// service is a transport to a service whose stream is a text that ends too early, and
// whose other replies are a function's.
type service struct {
	stream string
	answer answers
	silent bool // the stream does not end

	start  time.Time
	opened context.Context // the stream's
	asked  []asked
}

// asked is a request for missing messages.
type asked struct {
	what   string
	header http.Header
	at     time.Duration
	open   bool // the stream still was
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	res := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
	if s.opened == nil && strings.HasSuffix(r.URL.Path, "/v3/chat") {
		s.start, s.opened = time.Now(), r.Context()
		res.Header.Set("Content-Type", "text/event-stream")
		res.Body = testenv.InPieces(s.stream, 0)
		if s.silent {
			body, w := testenv.PipeBody(r.Context())
			go func() { _, _ = io.WriteString(w, s.stream) }() // ends with the request
			res.Body = body
		}
		return res, nil
	}
	if s.start.IsZero() {
		s.start = time.Now()
	}
	what := r.Method + " " + r.URL.RequestURI()
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		what += " " + string(body)
	}
	open := s.opened != nil && s.opened.Err() == nil
	s.asked = append(s.asked, asked{strings.TrimSpace(what), r.Header, time.Since(s.start), open})
	status, body := s.answer(r)
	if status == 0 {
		return nil, errReset
	}
	res.StatusCode, res.Body = status, io.NopCloser(strings.NewReader(body))
	return res, nil
}

// delays are when the chat is asked about, since the stream's end.
func delays(n int) (all []time.Duration) {
	at := time.Duration(0)
	for pause := firstPause; len(all) < n; pause = min(pause*3/2, longestPause) {
		at += pause
		all = append(all, at)
	}
	return all
}

package coze

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// newStandIn returns a stand-in of this dialect.
func newStandIn(seed uint64) *mock.StandIn { return mock.New(seed, New()) }

// client talks to a stand-in without a network.
type client struct {
	t *testing.T
	s *mock.StandIn
}

// do sends a request. Body "" is none.
func (c client) do(ctx context.Context, method, target, body string, header ...string) *http.Response {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://stand-in"+target, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.s.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

// record sends a request and reads the reply to its end.
func (c client) record(ctx context.Context, method, target, body string, header ...string) *recording {
	c.t.Helper()
	res := c.do(ctx, method, target, body, header...)
	defer func() { _ = res.Body.Close() }()
	return record(res)
}

// json sends a request and returns the reply's body.
func (c client) json(method, target, body string) gjson.Result {
	c.t.Helper()
	res := c.do(c.t.Context(), method, target, body)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || !gjson.ValidBytes(text) {
		c.t.Fatalf("%s %s: body %q, error %v", method, target, text, err)
	}
	return gjson.ParseBytes(text)
}

// ask sends a message as a streamed chat and reads the stream to its end.
func (c client) ask(message string, header ...string) *recording {
	c.t.Helper()
	return c.record(c.t.Context(), http.MethodPost, "/v3/chat", chatBody(message, true), header...)
}

// askBriefly is ask with a timeout, for streams without an end.
func (c client) askBriefly(message string, patience time.Duration) *recording {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	return c.record(ctx, http.MethodPost, "/v3/chat", chatBody(message, true))
}

func chatBody(message string, stream bool) string {
	body, err := json.Marshal(map[string]any{
		"bot_id": "7300000000000000001", "user_id": "me", "stream": stream,
		"additional_messages": []any{map[string]any{"role": "user", "content": message, "content_type": "text"}},
	})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// recording is a response, or part of a response.
type recording struct {
	status int
	header http.Header
	raw    []byte
	writes []write
	err    error // of reading; nil after a proper end
}

// write is the result of a read, with the time.
type write struct {
	at   time.Duration
	data []byte
}

// record reads a response. The caller closes the response.
func record(res *http.Response) *recording {
	begun := time.Now()
	r := &recording{status: res.StatusCode, header: res.Header}
	buf := make([]byte, 4<<20)
	for {
		n, err := res.Body.Read(buf)
		if n > 0 {
			r.raw = append(r.raw, buf[:n]...)
			r.writes = append(r.writes, write{time.Since(begun), bytes.Clone(buf[:n])})
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.err = err
			}
			return r
		}
	}
}

// event is an event of the SSE standard.
type event struct{ name, data string }

// events reads the raw stream by the rules of the standard. An event that lacks
// its blank line does not count.
func (r *recording) events() []event {
	text := strings.TrimPrefix(string(r.raw), "\uFEFF")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	var out []event
	blocks := strings.Split(text, "\n\n")
	for _, block := range blocks[:len(blocks)-1] {
		var e event
		var data []string
		for line := range strings.SplitSeq(block, "\n") {
			field, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch field {
			case "event":
				e.name = value
			case "data":
				data = append(data, value)
			}
		}
		if e.name != "" || len(data) > 0 {
			e.data = strings.Join(data, "\n")
			out = append(out, e)
		}
	}
	return out
}

// names are the events' names, with runs of one name as one.
func (r *recording) names() []string {
	var out []string
	for _, e := range r.events() {
		if len(out) == 0 || out[len(out)-1] != e.name {
			out = append(out, e.name)
		}
	}
	return out
}

// text joins a field of all text deltas in encoded form, to join the halves of surrogate
// pairs, and decodes the result.
func (r *recording) text(field string) string {
	var raw strings.Builder
	for _, e := range r.events() {
		if e.name != eventMessageDelta || !gjson.Valid(e.data) || gjson.Get(e.data, "content_type").Str == "card" {
			continue
		}
		if value := gjson.Get(e.data, field); value.Type == gjson.String {
			raw.WriteString(value.Raw[1 : len(value.Raw)-1])
		}
	}
	return gjson.Parse(`"` + raw.String() + `"`).Str
}

// completed are the completed messages of a type.
func (r *recording) completed(kind string) []gjson.Result {
	var out []gjson.Result
	for _, e := range r.events() {
		if m := gjson.Parse(e.data); e.name == eventMessageCompleted && m.Get("type").Str == kind {
			out = append(out, m)
		}
	}
	return out
}

// chatIDs are the ids of the chat, as a query, from its first event.
func (r *recording) chatIDs(t *testing.T) string {
	t.Helper()
	events := r.events()
	if len(events) == 0 || events[0].name != eventChatCreated {
		t.Fatalf("no chat was created: %q", r.raw)
	}
	first := gjson.Parse(events[0].data)
	return "?conversation_id=" + first.Get("conversation_id").Str + "&chat_id=" + first.Get("id").Str
}

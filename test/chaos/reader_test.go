package chaos

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Times of readers.
const (
	answerTime = 2 * time.Minute  // limit of one answer
	impatience = 5 * time.Second  // of most readers, with a silent server
	patience   = 20 * time.Second // of the other readers
)

// Ways to ask a question.
const (
	byGet   = "GET"   // EventSource
	byPost  = "POST"  // fetch, with event ids
	byAsync = "async" // POST with respond-async, then EventSource
)

// reader follows one answer by the rules of an EventSource: after the end of a stream and
// after a network error the reader reconnects to any replica, with the last event id. Any
// reply but a stream with status 200 ends the answer.
type reader struct {
	cluster *cluster
	rand    *rand.Rand
	name    string
	way     string
	query   string
	cuts    int // remaining cuts of the connection

	attempt  int    // at asking the question
	question string // of this attempt
	path     string // address of the stream; empty if the question is repeated on reconnects
	last     string // event id
	retry    time.Duration
	retries  int

	ended   bool   // by the done event
	refused string // the reply that ended the answer
	failed  string // the error event that ended the answer

	reasoning, content []string
	messages           []string       // completed messages, in order
	seen               map[string]int // events by name

	began   time.Time
	journal []string
}

// newReader returns a reader with random habits.
func newReader(c *cluster, name string) *reader {
	r := newRand(c.seed, "reader "+name)
	ways := []string{byGet, byPost, byAsync}
	tempos := []string{"mode=raw", "mode=raw", "mode=smooth", "speed=20&max_lag=1s"}
	return &reader{
		cluster: c, rand: r, name: name, way: ways[r.IntN(len(ways))], query: tempos[r.IntN(len(tempos))],
		cuts: r.IntN(6), retry: 3 * time.Second, began: time.Now(),
	}
}

// run follows an answer to the end.
func (r *reader) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for r.begin(); ctx.Err() == nil && !r.isOver(); r.retries++ {
		if !r.hasBegun() && r.retries > 0 {
			r.begin()
		}
		address := r.cluster.randomAddress(r.rand, r.hasBegun())
		how := r.connect(ctx, address)
		r.note("%s: %v", address, how)
		if r.isOver() {
			return
		}
		select {
		case <-time.After(time.Duration(r.rand.Int64N(int64(r.retry)))):
		case <-ctx.Done():
		}
	}
}

func (r *reader) isOver() bool { return r.ended || r.refused != "" || r.failed != "" }

// hasBegun reports whether the reader knows the stream. A browser that is cut off earlier
// repeats the question; the reader asks another question.
func (r *reader) hasBegun() bool { return r.path != "" || r.last != "" }

func (r *reader) begin() {
	r.attempt++
	r.question = fmt.Sprintf("%s/%d", r.name, r.attempt)
	r.reasoning, r.content, r.messages, r.seen = nil, nil, nil, map[string]int{}
}

func (r *reader) note(format string, args ...any) {
	r.journal = append(r.journal, fmt.Sprintf("%6.2fs ", time.Since(r.began).Seconds())+fmt.Sprintf(format, args...))
}

// request returns the next request.
func (r *reader) request(ctx context.Context, address string) (*http.Request, error) {
	method, target, body := http.MethodGet, r.path, ""
	switch {
	case target != "":
		target += "?" + r.query
	case r.way == byGet:
		target = "/v3/chat?message=" + url.QueryEscape(r.question) + "&" + r.query
	default:
		method, target, body = http.MethodPost, "/v3/chat?"+r.query, r.question
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+address+target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.name)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain")
		req.Header.Set("Typewriter-Event-Ids", "on")
	}
	if r.way == byAsync && r.path == "" {
		req.Header.Set("Prefer", "respond-async")
	} else {
		req.Header.Set("Accept", "text/event-stream") // as browsers and fetch-event-source
	}
	if r.last != "" {
		req.Header.Set("Last-Event-ID", r.last)
	}
	return req, nil
}

// connect sends one request and reads the reply. The error describes the end of the
// connection and is never nil.
func (r *reader) connect(ctx context.Context, address string) error {
	req, err := r.request(ctx, address)
	if err != nil {
		return err
	}
	dialed, err := (&net.Dialer{Timeout: impatience}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	conn := &cutConn{TCPConn: dialed.(*net.TCPConn), left: -1, silence: impatience}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if r.rand.IntN(3) == 0 {
		conn.silence = patience
	}
	if r.cuts > 0 && r.hasBegun() || r.cuts > 0 && r.way == byGet {
		r.cuts--
		conn.left, conn.byReset = r.rand.IntN(1+r.rand.IntN(12_000)), r.rand.IntN(2) == 0
	}
	if err := req.Write(conn); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return r.read(res)
}

// read reads a reply, and returns its description as an error.
func (r *reader) read(res *http.Response) error {
	if res.StatusCode == http.StatusAccepted && r.way == byAsync && r.path == "" {
		body, err := io.ReadAll(res.Body)
		if err == nil {
			r.path = gjson.GetBytes(body, "url").Str
			r.retry = time.Millisecond // attach at once
		}
		return fmt.Errorf("%s: %w", res.Status, errors.Join(err, io.EOF))
	}
	if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		body, _ := io.ReadAll(res.Body) // an error: the body is only logged
		how := fmt.Sprintf("%s %s %s %s", res.Status, kind, res.Header.Get("Typewriter-Resume"), body)
		if !r.hasBegun() && gjson.GetBytes(body, "code").Int() == 5032 {
			return errors.New("passed over: " + how) // a load balancer tries another replica
		}
		r.refused = how
		return errors.New(how)
	}
	from := r.last
	n, err := r.readEvents(res.Body)
	return fmt.Errorf("%d events after %q to %q: %w", n, from, r.last, err)
}

// readEvents reads a stream by the rules of HTML, section 9.2.6: an event counts once its
// blank line has arrived.
func (r *reader) readEvents(body io.Reader) (n int, err error) {
	lines := bufio.NewReaderSize(body, 64<<10)
	id, name, data := r.last, "", []string(nil)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return n, err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			r.last = id
			if data != nil {
				n++
				r.take(name, strings.Join(data, "\n"))
			}
			name, data = "", nil
			if r.isOver() {
				return n, io.EOF
			}
		case field == "id":
			id = value
		case field == "event":
			name = value
		case field == "data":
			data = append(data, value)
		case field == "retry":
			if ms, err := strconv.Atoi(value); err == nil {
				r.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

// take records an event.
func (r *reader) take(name, data string) {
	r.seen[name]++
	e := gjson.Parse(data)
	switch name {
	case "conversation.message.delta":
		r.content = append(r.content, unquote(e.Get("content").Raw))
		r.reasoning = append(r.reasoning, unquote(e.Get("reasoning_content").Raw))
	case "conversation.message.completed":
		r.messages = append(r.messages, e.Get("type").Str+":"+text(unquote(e.Get("content").Raw)))
	case "error":
		r.failed = data
	case "done":
		r.ended = true
	}
}

// unquote takes the quotes off a JSON string.
func unquote(raw string) string {
	if len(raw) < 2 {
		return ""
	}
	return raw[1 : len(raw)-1]
}

// wrong compares the answer with the service's and returns the first difference, or "".
func (r *reader) wrong() string {
	want := newAnswer(r.cluster.seed, r.question)
	for _, part := range []struct {
		name      string
		got, want []string
	}{{"reasoning", r.reasoning, want.reasoning}, {"content", r.content, want.deltas}} {
		if got, want := text(part.got...), text(part.want...); got != want {
			return difference(part.name, got, want)
		}
	}
	c := chat{answer: want}
	var messages []string
	for _, m := range c.messages() {
		messages = append(messages, gjson.Get(m, "type").Str+":"+text(unquote(gjson.Get(m, "content").Raw)))
	}
	if !slices.Equal(r.messages, messages) {
		return fmt.Sprintf("messages are %.400q, want %.400q", r.messages, messages)
	}
	for _, name := range []string{"conversation.chat.created", "conversation.chat.completed", "done"} {
		if r.seen[name] != 1 {
			return fmt.Sprintf("%d events %s", r.seen[name], name)
		}
	}
	return ""
}

// difference describes the difference of two texts.
func difference(what, got, want string) string {
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	around := func(s string) string { return s[max(0, same-20):min(len(s), same+60)] }
	return fmt.Sprintf("%s has %d bytes, want %d; after %d same ones it is %q, want %q", what, len(got), len(want), same, around(got), around(want))
}

// cutConn is a connection that is cut by the client after some bytes of the reply.
type cutConn struct {
	*net.TCPConn
	left    int // bytes until the cut; negative for no cut
	byReset bool
	silence time.Duration
}

var errCut = errors.New("cut by the reader")

// Read implements [io.Reader].
func (c *cutConn) Read(p []byte) (int, error) {
	if c.left == 0 {
		if c.byReset {
			reset(c.TCPConn)
			return 0, fmt.Errorf("%w with RST", errCut)
		}
		_ = c.CloseWrite()
		return 0, fmt.Errorf("%w with FIN", errCut)
	}
	_ = c.SetReadDeadline(time.Now().Add(c.silence))
	if c.left > 0 {
		p = p[:min(len(p), c.left)]
	}
	n, err := c.TCPConn.Read(p)
	if c.left > 0 {
		c.left -= n
	}
	return n, err
}

// report returns the reader's journal.
func (r *reader) report() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, by %s with %s:", r.question, r.way, r.query)
	for _, line := range r.journal {
		b.WriteString("\n\t" + line)
	}
	return b.String()
}

package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// eventSource is a page with an EventSource that nobody closes: it reconnects after the
// retry time until a server answers 204 (HTML, section 9.2).
type eventSource struct {
	url    string
	client *http.Client

	lastID string
	retry  time.Duration

	mu        sync.Mutex
	text      strings.Builder // of the deltas
	names     []string        // of the events, one for each run of the same
	ids       map[string]bool
	repeated  []string // ids that came twice
	errors    []string // data of the events
	backwards []string // ids that are not behind those before them
	statuses  []int    // one for each answer
	delivered int      // connections that delivered an event
}

// open starts a page with a message. It returns the page and a channel for its end.
func open(t *testing.T, base, message, query string) (*eventSource, <-chan error) {
	t.Helper()
	b := &eventSource{
		url:    base + "/v3/chat?message=" + url.QueryEscape(message) + query,
		client: newClient(t),
		retry:  3 * time.Second,
		ids:    map[string]bool{},
	}
	ended := make(chan error, 1)
	go func() { // ends with the test, at the latest
		ended <- b.run(t.Context())
	}()
	return b, ended
}

// run connects until a server answers 204.
func (b *eventSource) run(ctx context.Context) error {
	for {
		status, err := b.connect(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case status == http.StatusNoContent:
			return nil
		case err != nil:
			return err
		}
		time.Sleep(b.retry)
	}
}

// connect reads one connection to its end. A connection that fails in an expected way
// is no error; its status is 0.
func (b *eventSource) connect(ctx context.Context) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if b.lastID != "" {
		req.Header.Set("Last-Event-ID", b.lastID)
	}
	res, err := b.client.Do(req)
	if err != nil {
		return 0, nil //nolint:nilerr // it tries again
	}
	defer res.Body.Close()
	b.mu.Lock()
	b.statuses = append(b.statuses, res.StatusCode)
	b.mu.Unlock()
	switch {
	case res.StatusCode == http.StatusNoContent:
		return res.StatusCode, nil
	case res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream"):
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, fmt.Errorf("answer is %d %v %s", res.StatusCode, res.Header, body)
	}
	b.read(res.Body)
	return res.StatusCode, nil
}

// read records the events of a connection, without an event whose blank line is
// missing.
func (b *eventSource) read(body io.Reader) {
	lines := bufio.NewReader(body)
	var name, data, id string
	first := true
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data += value
		case "id":
			id = value
		case "retry":
			if ms, err := strconv.Atoi(value); err == nil {
				b.retry = time.Duration(ms) * time.Millisecond
			}
		case "":
			if data == "" {
				continue // a heartbeat
			}
			b.handOut(name, data, id, first)
			name, data, first = "", "", false
		}
	}
}

func (b *eventSource) handOut(name, data, id string, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if first {
		b.delivered++
	}
	if b.ids[id] {
		b.repeated = append(b.repeated, id)
	}
	if b.lastID != "" && !isBehind(id, b.lastID) {
		b.backwards = append(b.backwards, id)
	}
	b.ids[id] = true
	b.lastID = id
	if name == "conversation.message.delta" {
		b.text.WriteString(gjson.Get(data, "content").Str)
	}
	if name == "error" {
		b.errors = append(b.errors, id+" "+data)
	}
	if len(b.names) == 0 || b.names[len(b.names)-1] != name {
		b.names = append(b.names, name)
	}
}

// isBehind reports whether the position of an id is behind that of another id of its
// stream.
func isBehind(id, before string) bool {
	var positions [2][2]int // entry and offset
	for i, id := range []string{id, before} {
		_, position, _ := strings.Cut(id, ":")
		if _, err := fmt.Sscanf(position, "%d.%d", &positions[i][0], &positions[i][1]); err != nil {
			return false
		}
	}
	return slices.Compare(positions[0][:], positions[1][:]) > 0
}

// connections returns the number of connections that delivered an event.
func (b *eventSource) connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.delivered
}

// responses returns the number of replies of any status.
func (b *eventSource) responses() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.statuses)
}

// received returns the text so far.
func (b *eventSource) received() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// check compares the events of a page that has ended with the one expected answer, over
// the given number of connections.
func (b *eventSource) check(t *testing.T, answers []string, connections int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(answers) != 1 {
		t.Fatalf("%d chats, want 1", len(answers))
	}
	if got := b.text.String(); got != answers[0] {
		t.Errorf("got text %q\nwant %q", got, answers[0])
	}
	if len(b.repeated) > 0 || b.ids[""] {
		t.Errorf("ids that came twice: %q; events without: %v", b.repeated, b.ids[""])
	}
	if want := append(slices.Repeat([]int{200}, connections), 204); !slices.Equal(b.statuses, want) {
		t.Errorf("got answers %v, want %v", b.statuses, want)
	}
	want := []string{"conversation.message.delta", "conversation.message.completed", "conversation.chat.completed", "done"}
	if !slices.Equal(b.names, want) {
		t.Errorf("got events %q, want %q", b.names, want)
	}
}

package promises

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"

	"github.com/tidwall/gjson"
)

var startPromises = []promise{
	{"a start without a reader", startWithoutReader},
	{"a bad request opens no stream", badRequestOpensNothing},
	{"a repeated start gets the first stream", repeatedStart},
	{"a key is not taken for another request", keyOfAnotherRequest},
	{"a conversation lists its streams", conversationListsStreams},
}

func startWithoutReader(c *client) {
	got := c.do(http.MethodPost, ask(raw), *messageFlag, "Prefer", "respond-async")
	url := gjson.Get(got.body, "url").Str
	if got.status != http.StatusAccepted || url == "" || got.header.Get("Location") != url {
		c.Fatalf("%d, Location %q, %s", got.status, got.header.Get("Location"), got.body)
	}
	if s := c.read(0, http.MethodGet, url+"?"+raw, ""); !s.isDone() {
		c.Errorf("read %q and no end", s.text())
	}
}

// badRequestOpensNothing names what is wrong in each error.
func badRequestOpensNothing(c *client) {
	for _, request := range []struct{ query, want string }{
		{"speed=fast", "speed"},
		{"mode=quick", "mode"},
		{"max_lag=-1s", "max_lag"},
		{"unit=line", "unit"},
		{"message=x&min_interval=soon", "min_interval"},
	} {
		got := c.do(http.MethodPost, ask(request.query), *messageFlag)
		if got.status != http.StatusBadRequest || !strings.Contains(strings.ReplaceAll(strings.ToLower(got.body), "-", "_"), request.want) ||
			got.header.Get("Typewriter-Stream") != "" {
			c.Errorf("%s: %d %s", request.query, got.status, got.body)
		}
	}
}

// repeatedStart sends the same question several times at once, and again after the end.
func repeatedStart(c *client) {
	key := rand.Text()
	streams := make([]stream, 4)
	var starts sync.WaitGroup
	for i := range streams {
		starts.Go(func() {
			streams[i] = c.read(0, http.MethodPost, ask(raw), *messageFlag, "Idempotency-Key", key)
		})
	}
	starts.Wait()
	streams = append(streams, c.read(0, http.MethodPost, ask(smooth), *messageFlag, "Idempotency-Key", key))
	for _, s := range streams {
		if s.id != streams[0].id || s.text() != streams[0].text() || !s.isDone() {
			c.Errorf("stream %s with %q, want %s with %q", s.id, s.text(), streams[0].id, streams[0].text())
		}
	}
}

func keyOfAnotherRequest(c *client) {
	key := rand.Text()
	first := c.read(1, http.MethodPost, ask(raw), *messageFlag, "Idempotency-Key", key)
	got := c.do(http.MethodPost, ask(raw), *messageFlag+" Another.", "Idempotency-Key", key)
	if got.status != http.StatusUnprocessableEntity || strings.Contains(got.body, first.id) {
		c.Errorf("another question with the same key: %d %s", got.status, got.body)
	}
}

func conversationListsStreams(c *client) {
	s := c.start(0, raw)
	id := gjson.Get(s.events[0].Data, "conversation_id").Str
	if id == "" {
		c.Skip("the service names no conversation")
	}
	path := "/typewriter/streams?conversation_id=" + id
	if got := c.do(http.MethodGet, path, ""); gjson.Get(got.body, "0.stream").Str != s.id || !gjson.Get(got.body, "0.ended").Bool() {
		c.Errorf("%d %s, want the ended stream %s", got.status, got.body, s.id)
	}
	if got := c.as(stranger).do(http.MethodGet, path, ""); strings.Contains(got.body, s.id) {
		c.Errorf("a stranger gets %s", got.body)
	}
}

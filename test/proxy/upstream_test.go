package proxy

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"
)

// upstream is an AI service whose answers the test controls.
type upstream struct {
	*httptest.Server

	mu    sync.Mutex
	chats []*chat
}

// chat is a request that the upstream answers with a stream.
type chat struct {
	message string
	header  http.Header
	w       http.ResponseWriter
	ctx     context.Context // ends when the client disconnects

	mu   sync.Mutex
	sent strings.Builder
}

// newUpstream serves each chat by a call of answer, and other requests by others, or
// with status 404 if that is nil.
func newUpstream(t *testing.T, answer func(*chat), others http.HandlerFunc) *upstream {
	t.Helper()
	if others == nil {
		others = http.NotFound
	}
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v3/chat" {
			others(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("upstream cannot read a chat: %v", err)
		}
		c := &chat{
			message: gjson.GetBytes(body, "additional_messages.0.content").Str,
			header:  r.Header.Clone(),
			w:       w,
			ctx:     r.Context(),
		}
		u.mu.Lock()
		u.chats = append(u.chats, c)
		u.mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Tt-Logid", "upstream's")
		answer(c)
	}))
	t.Cleanup(u.Close)
	return u
}

// sentTo returns the texts of the answers to a message, one for each chat.
func (u *upstream) sentTo(message string) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []string
	for _, c := range u.chats {
		if c.message == message {
			out = append(out, c.text())
		}
	}
	return out
}

// text returns the text so far.
func (c *chat) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.String()
}

// event sends an event.
func (c *chat) event(name, data string) {
	_, _ = io.WriteString(c.w, "event:"+name+"\ndata:"+data+"\n\n") // an error shows at the client
	c.w.(http.Flusher).Flush()
}

// say sends a piece of the answer.
func (c *chat) say(text string) {
	c.mu.Lock()
	c.sent.WriteString(text)
	c.mu.Unlock()
	c.event("conversation.message.delta", message(text))
}

// end sends the events after the answer.
func (c *chat) end() {
	c.event("conversation.message.completed", message(c.text()))
	c.event("conversation.chat.completed", `{"id":"2","status":"completed"}`)
	c.event("done", `"[DONE]"`)
}

// await waits for a signal or the client's disconnect.
func (c *chat) await(signal <-chan struct{}) {
	select {
	case <-signal:
	case <-c.ctx.Done():
	}
}

func message(content string) string {
	text, err := json.Marshal(content)
	if err != nil {
		panic(err) // text can be marshalled
	}
	return `{"id":"1","role":"assistant","type":"answer","content_type":"text","chat_id":"2","content":` + string(text) + `}`
}

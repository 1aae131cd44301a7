package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/tidwall/gjson"
)

// upstream is a fake Coze whose answers the test controls.
type upstream struct {
	*httptest.Server

	mu        sync.Mutex
	received  []question
	cancelled int
}

// question is a question that the upstream received.
type question struct{ conversation, message string }

// newUpstream starts an upstream whose answers play writes.
func newUpstream(t *testing.T, play func(*chat)) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing shows in the question
		switch r.URL.Path {
		case "/v3/chat/cancel":
			u.mu.Lock()
			u.cancelled++
			u.mu.Unlock()
		case "/v3/chat":
			message := gjson.GetBytes(body, "additional_messages.0.content").Str
			u.mu.Lock()
			u.received = append(u.received, question{r.URL.Query().Get("conversation_id"), message})
			u.mu.Unlock()
			w.Header().Set("Content-Type", "text/event-stream")
			c := &chat{w: w, gone: r.Context().Done(), question: message}
			c.send("conversation.chat.created", map[string]string{"id": "1", "conversation_id": "77", "status": "created"})
			play(c)
		}
	}))
	t.Cleanup(func() {
		u.CloseClientConnections()
		u.Close()
	})
	return u
}

// questions returns the received questions.
func (u *upstream) questions() []question {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]question(nil), u.received...)
}

// isCancelled reports whether a chat was canceled.
func (u *upstream) isCancelled() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.cancelled > 0
}

// chat is an answer of an upstream.
type chat struct {
	w        http.ResponseWriter
	gone     <-chan struct{}
	question string
	text     strings.Builder
}

func (c *chat) send(event string, data any) {
	out, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintf(c.w, "event:%s\ndata:%s\n\n", event, out) // who has gone is no concern
	c.w.(http.Flusher).Flush()
}

func (c *chat) message(event, kind, content string) {
	c.send(event, map[string]string{"id": "2", "conversation_id": "77", "role": "assistant", "type": kind, "content": content, "content_type": "text"})
}

// say sends pieces of the answer.
func (c *chat) say(pieces ...string) {
	for _, piece := range pieces {
		c.text.WriteString(piece)
		c.message("conversation.message.delta", "answer", piece)
	}
}

// think sends a piece of the reasoning.
func (c *chat) think(piece string) {
	c.send("conversation.message.delta", map[string]string{"id": "2", "role": "assistant", "type": "answer", "content": "", "reasoning_content": piece, "content_type": "text"})
}

// sayOK sends a short answer.
func sayOK(c *chat) {
	c.say("ok")
	c.end()
}

// end ends the answer.
func (c *chat) end(followUps ...string) {
	c.message("conversation.message.completed", "answer", c.text.String())
	for _, question := range followUps {
		c.message("conversation.message.completed", "follow_up", question)
	}
	c.send("conversation.chat.completed", map[string]string{"id": "1", "conversation_id": "77", "status": "completed"})
	c.send("done", "[DONE]")
}

// await waits for a signal or the client's disconnect.
func (c *chat) await(signal <-chan struct{}) {
	select {
	case <-signal:
	case <-c.gone:
	case <-time.After(testenv.Patience): // the test fails elsewhere
	}
}

// signal returns a channel and a function that closes it, at the latest at the end of
// the test.
func signal(t *testing.T) (<-chan struct{}, func()) {
	t.Helper()
	c := make(chan struct{})
	give := sync.OnceFunc(func() { close(c) })
	t.Cleanup(give)
	return c, give
}

// tcpProxy is a proxy to a server, whose connections can be cut or held.
type tcpProxy struct {
	base string

	mu    sync.Mutex
	conns []net.Conn
	reads []net.Conn        // on which clients have asked for a stream
	held  map[net.Conn]bool // they stay open, and nothing passes
}

// startTCPProxy starts a proxy to a server.
func startTCPProxy(t *testing.T, base string) *tcpProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &tcpProxy{base: "http://" + listener.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() { // until the listener is closed
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			if err != nil {
				_ = near.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, near, far)
			c.mu.Unlock()
			for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
				running.Go(func() { // until one of them is closed
					_, _ = io.Copy(gate{way[0], c, near}, way[1])
					_ = way[0].Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		c.cut()
		running.Wait()
	})
	return c
}

// gate is a connection of a proxy, to the client near or to the server.
type gate struct {
	net.Conn
	proxy *tcpProxy
	near  net.Conn
}

// Write implements [io.Writer]. A held connection loses the data.
func (g gate) Write(p []byte) (int, error) {
	g.proxy.mu.Lock()
	if bytes.HasPrefix(p, []byte("GET /typewriter/streams/")) {
		g.proxy.reads = append(g.proxy.reads, g.near)
	}
	isHeld := g.proxy.held[g.near]
	g.proxy.mu.Unlock()
	if isHeld {
		return len(p), nil
	}
	return g.Conn.Write(p)
}

// hold keeps the connections with streams open, and lets nothing pass.
func (c *tcpProxy) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = map[net.Conn]bool{}
	for _, conn := range c.reads {
		c.held[conn] = true
	}
}

// cut ends all connections.
func (c *tcpProxy) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close() // it may be
	}
	c.conns = nil
}

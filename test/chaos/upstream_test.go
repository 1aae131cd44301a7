package chaos

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// service is an AI service in Coze's format. After a cut of the stream, a chat continues
// and can be retrieved.
type service struct {
	*httptest.Server
	seed uint64

	mu    sync.Mutex
	chats map[string]*chat // by id
	asked map[string]int   // chats by question

	// cuts makes the service cut one stream in three, at a random byte after the first
	// event: the chat is unknown before.
	cuts bool

	// late makes the service begin half of the answers after up to 3 s.
	late bool
}

// chat is an answer in progress at the service.
type chat struct {
	*answer
	id, question string
	started      time.Time
}

// startService serves until the test's end.
func startService(t *testing.T, seed uint64) *service {
	s := &service{seed: seed, chats: map[string]*chat{}, asked: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/chat", s.chat)
	mux.HandleFunc("/v3/chat/retrieve", s.retrieve)
	mux.HandleFunc("/v3/chat/message/list", s.list)
	mux.HandleFunc("POST /v3/chat/cancel", func(w http.ResponseWriter, _ *http.Request) { reply(w, "{}") })
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *service) open(question string) *chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[question]++
	c := &chat{
		answer: newAnswer(s.seed, question), question: question,
		id: fmt.Sprintf("75310054916203%05d", len(s.chats)), started: time.Now(),
	}
	s.chats[c.id] = c
	return c
}

func (s *service) chat(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	c := s.open(gjson.GetBytes(body, "additional_messages.0.content").Str)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	out := http.NewResponseController(w)
	cut := -1
	if r := newRand(s.seed, "cut of "+c.question); s.cuts && r.IntN(3) == 0 {
		cut = len(c.data("created")) + 100 + r.IntN(20_000)
	}
	send := func(name, data string) bool {
		event := "event:" + name + "\ndata:" + data + "\n\n"
		if cut >= 0 && len(event) > cut {
			_, _ = io.WriteString(w, event[:cut]) // an error: the connection is cut already
			_ = out.Flush()
			drop(out)
			return false
		}
		if cut >= 0 {
			cut -= len(event)
		}
		_, err := io.WriteString(w, event)
		return err == nil && out.Flush() == nil
	}
	if r := newRand(s.seed, "delay of "+c.question); s.late && r.IntN(2) == 0 {
		_ = out.Flush() // an error: the client has left
		if !sleep(req, time.Duration(r.IntN(3000))*time.Millisecond) {
			return
		}
	}
	ok := send("conversation.chat.created", c.data("created")) && send("conversation.chat.in_progress", c.data("in_progress"))
	for i := range c.pauses {
		if !ok || !sleep(req, c.pauses[i]) {
			return
		}
		ok = send("conversation.message.delta", c.delta(i))
	}
	for _, m := range c.messages() {
		ok = ok && send("conversation.message.completed", m)
	}
	_ = ok && send("conversation.chat.completed", c.data("completed")) && send("done", `"[DONE]"`)
}

// drop cuts a connection as a crash does.
func drop(out *http.ResponseController) {
	conn, _, err := out.Hijack()
	if err != nil {
		return
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// sleep waits, and reports whether the client is still connected.
func sleep(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

const (
	conversation = "7476727847408741412"
	bot          = "7476727847408700000"
)

// data returns the chat object of the events.
func (c *chat) data(status string) string {
	return fmt.Sprintf(`{"id":"%s","conversation_id":"%s","bot_id":"%s","created_at":%d,"last_error":{"code":0,"msg":""},"status":"%s","usage":{"token_count":1,"output_count":1,"input_count":0},"section_id":"%[2]s"}`,
		c.id, conversation, bot, c.started.Unix(), status)
}

// messageID returns the id of the nth message.
func (c *chat) messageID(n int) string {
	return fmt.Sprintf("%s%02d", strings.TrimPrefix(c.id, "75"), n)
}

// delta returns the data of the nth delta.
func (c *chat) delta(n int) string {
	text := ""
	if n < len(c.reasoning) {
		text = `"content":"","reasoning_content":"` + c.reasoning[n] + `"`
	} else {
		text = `"content":"` + c.deltas[n-len(c.reasoning)] + `"`
	}
	return fmt.Sprintf(`{"id":"%s","conversation_id":"%s","bot_id":"%s","role":"assistant","type":"answer",%s,"content_type":"text","chat_id":"%s","section_id":"%[2]s"}`,
		c.messageID(0), conversation, bot, text, c.id)
}

// messages returns the messages of the ended chat.
func (c *chat) messages() []string {
	message := func(n int, kind, content, reasoning string) string {
		if reasoning != "" {
			reasoning = `,"reasoning_content":"` + reasoning + `"`
		}
		return fmt.Sprintf(`{"id":"%s","conversation_id":"%s","bot_id":"%s","role":"assistant","type":"%s","content":"%s"%s,"content_type":"text","chat_id":"%s","created_at":%d,"section_id":"%[2]s"}`,
			c.messageID(n), conversation, bot, kind, content, reasoning, c.id, c.started.Unix())
	}
	all := []string{
		message(0, "answer", strings.Join(c.deltas, ""), strings.Join(c.reasoning, "")),
		message(1, "verbose", `{\"msg_type\":\"generate_answer_finish\"}`, ""),
	}
	for i := range c.followUps {
		all = append(all, message(2+i, "follow_up", fmt.Sprint("question ", i), ""))
	}
	return all
}

// find returns the chat named by a request, and whether the chat has ended.
func (s *service) find(w http.ResponseWriter, r *http.Request) (c *chat, ended bool) {
	id := r.URL.Query().Get("chat_id")
	s.mu.Lock()
	defer s.mu.Unlock()
	if c = s.chats[id]; c == nil || r.URL.Query().Get("conversation_id") != conversation {
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, `{"code":4200,"msg":"no such chat"}`)
		return nil, false
	}
	return c, time.Since(c.started) > c.length()
}

func (s *service) retrieve(w http.ResponseWriter, r *http.Request) {
	c, ended := s.find(w, r)
	switch {
	case c == nil:
	case ended:
		reply(w, c.data("completed"))
	default:
		reply(w, c.data("in_progress"))
	}
}

func (s *service) list(w http.ResponseWriter, r *http.Request) {
	c, ended := s.find(w, r)
	switch {
	case c == nil:
	case ended:
		reply(w, "["+strings.Join(c.messages(), ",")+"]")
	default:
		reply(w, "[]")
	}
}

func reply(w http.ResponseWriter, data string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"code":0,"msg":"","data":`+data+`}`) // an error: the client has left
}

// duplicateChats returns the number of questions with more than one chat.
func (s *service) duplicateChats() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	twice := 0
	for _, n := range s.asked {
		if n > 1 {
			twice++
		}
	}
	return twice
}

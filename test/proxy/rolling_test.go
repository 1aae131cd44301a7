package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// service is an AI service whose chats continue after their streams are cut, and can be
// retrieved.
type service struct {
	*httptest.Server

	mu       sync.Mutex
	began    map[string]time.Time // of the chats, by their message, which is their id
	repeated []string             // messages that were requested twice
}

const (
	pieces = 60 // of each answer
	pace   = 150 * time.Millisecond
)

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{began: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/chat", s.chat)
	mux.HandleFunc("GET /v3/chat/retrieve", s.retrieve)
	mux.HandleFunc("GET /v3/chat/message/list", s.list)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// piece returns one piece of the answer in a chat.
func piece(id string, i int) string { return fmt.Sprintf("%s.%d，", id, i) }

// answerTo returns the whole answer in a chat.
func answerTo(id string) string {
	var b strings.Builder
	for i := range pieces {
		b.WriteString(piece(id, i))
	}
	return b.String()
}

// messageObject returns a message object of a chat.
func messageObject(id, content string) string {
	return fmt.Sprintf(`{"id":"m%[1]s","conversation_id":"c%[1]s","chat_id":%[1]q,"role":"assistant","type":"answer","content":%[2]q,"content_type":"text"}`, id, content)
}

// chatObject returns the object of a chat.
func chatObject(id, status string) string {
	return fmt.Sprintf(`{"id":%[1]q,"conversation_id":"c%[1]s","status":%[2]q}`, id, status)
}

func (s *service) chat(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	id := gjson.GetBytes(body, "additional_messages.0.content").Str
	s.mu.Lock()
	if !s.began[id].IsZero() {
		s.repeated = append(s.repeated, id)
	}
	s.began[id] = time.Now()
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(name, data string) {
		_, _ = io.WriteString(w, "event:"+name+"\ndata:"+data+"\n\n") // an error shows at the client
		w.(http.Flusher).Flush()
	}
	send("conversation.chat.created", chatObject(id, "created"))
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := range pieces {
		send("conversation.message.delta", messageObject(id, piece(id, i)))
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
	send("conversation.message.completed", messageObject(id, answerTo(id)))
	send("conversation.chat.completed", chatObject(id, "completed"))
	send("done", `"[DONE]"`)
}

func (s *service) retrieve(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("chat_id")
	s.mu.Lock()
	defer s.mu.Unlock()
	status := "in_progress"
	if time.Since(s.began[id]) > pieces*pace {
		status = "completed"
	}
	_, _ = io.WriteString(w, `{"code":0,"msg":"","data":`+chatObject(id, status)+`}`) // an error shows at the client
}

func (s *service) list(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("chat_id")
	_, _ = io.WriteString(w, `{"code":0,"msg":"","data":[`+messageObject(id, answerTo(id))+`]}`) // as above
}

// replica is a server that can be restarted at its address.
type replica struct {
	*testenv.Program
	args []string
}

func startReplica(t *testing.T, args ...string) *replica {
	t.Helper()
	args = append([]string{fmt.Sprintf("--addr=127.0.0.1:%d", testenv.FreePort(t))}, args...)
	return &replica{testenv.Start(t, args...), args}
}

// restart shuts the replica down and starts it again, as a deployment does. A draining
// replica must not be ready and must refuse new streams. restart returns the number of
// streams that were handed over.
func (r *replica) restart(t *testing.T) (sent int) {
	t.Helper()
	r.Signal(syscall.SIGTERM)
	testenv.Eventually(t, "it is not ready", func() bool { return statusOf(t, r.Base+"/readyz") == http.StatusServiceUnavailable })
	res := sendRequest(t, http.DefaultClient, http.MethodPost, r.Base+"/v3/chat?message=late", "")
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close() // it is read
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !res.Close || gjson.GetBytes(body, "code").Int() != 5032 {
		t.Errorf("a new stream while it drains: %v %s", res, body)
	}
	if err := r.Cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, r.Log.String())
	}
	for _, outcome := range outcomes(r.Program) {
		if outcome == "handed_over" {
			sent++
		}
	}
	r.Program = testenv.Start(t, r.args...)
	testenv.Eventually(t, "it is ready", func() bool { return statusOf(t, r.Base+"/readyz") == http.StatusOK })
	return sent
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	res := sendRequest(t, http.DefaultClient, http.MethodGet, url, "")
	_ = res.Body.Close() // the status is all
	return res.StatusCode
}

// Two replicas behind nginx are restarted one after the other while two hundred pages
// read: no page loses or repeats a character.
func TestRollingRestart(t *testing.T) {
	const pages = 200
	up := newService(t)
	args := []string{
		"--upstream=" + up.URL, "--store=" + testenv.StartRedis(t).URL(), "--drain-timeout=1s", "--min-interval=50ms",
	}
	a, b := startReplica(t, args...), startReplica(t, args...)
	n := startNginx(t, a.Program,
		[2]string{"keepalive 32;", "server " + b.Address() + " max_fails=0;\n\tkeepalive 32;"},
		// Long timeouts for a busy machine. The test checks below that nothing is
		// requested twice.
		[2]string{"proxy_connect_timeout 5s;", "proxy_connect_timeout 30s;"},
		[2]string{"proxy_next_upstream_timeout 100ms;", "proxy_next_upstream_timeout 30s;"},
	)
	var all []*eventSource
	var ends []<-chan error
	for i := range pages {
		page, ended := open(t, n.base, fmt.Sprint(100+i), "&max_lag=1s&mode="+[]string{"typewriter", "smooth", "raw"}[i%3])
		all, ends = append(all, page), append(ends, ended)
	}
	answers := pages // in all
	await := func() {
		t.Helper()
		testenv.Eventually(t, "all pages have reconnected", func() bool {
			came := 0
			for _, page := range all {
				came += page.responses()
			}
			return came >= answers
		})
	}
	testenv.Eventually(t, "all pages read", func() bool {
		return !slices.ContainsFunc(all, func(b *eventSource) bool { return b.received() == "" })
	})
	for _, r := range []*replica{a, b} {
		sent := r.restart(t)
		if sent == 0 {
			t.Error("nobody read from a replica")
		}
		answers += sent
		await()
	}
	for i, page := range all {
		if err := testenv.Receive(t, "a page ends", ends[i]); err != nil {
			t.Fatalf("page %d: %v", i, err)
		}
		page.checkRolled(t, fmt.Sprint(100+i))
	}
	if up.mu.Lock(); len(up.repeated) > 0 {
		t.Errorf("requested twice: %q", up.repeated)
	}
	up.mu.Unlock()
	t.Logf("%d pages read on %d connections", pages, answers)
}

// checkRolled compares the text of a page with the answer to its message.
func (b *eventSource) checkRolled(t *testing.T, message string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if got, want := b.text.String(), answerTo(message); got != want {
		t.Errorf("got text %q\nwant %q", got, want)
	}
	if len(b.repeated) > 0 || len(b.backwards) > 0 {
		t.Errorf("page %s: ids that came twice: %q; ids that went back: %q", message, b.repeated, b.backwards)
	}
	if len(b.errors) > 0 || b.names[len(b.names)-1] != "done" {
		t.Errorf("page %s: got events %q, errors %q", message, b.names, b.errors)
	}
}

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// postKeyed asks for a poem with an idempotency key and returns the reply. The body is closed
// at the end of the test.
func postKeyed(ctx context.Context, t *testing.T, base, key, credential string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v3/chat?mode=raw&event_ids=on", strings.NewReader("诗"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Idempotency-Key": key, "Authorization": credential, "Content-Type": "text/plain"} {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
	return res
}

// POSTs with the same key at the same moment, at two replicas, are one request to the
// service; another credential has a stream of its own.
func TestConcurrentStartsAcrossReplicas(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	upstream := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		time.Sleep(500 * time.Millisecond)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"hello\"}\n\nevent:done\ndata:\"[DONE]\"\n\n")
	})
	server := testenv.StartRedis(t)
	args := []string{"--upstream=" + upstream, "--bot-id=1", "--store=" + server.URL()}
	replicas := [2]*testenv.Program{testenv.Start(t, args...), testenv.Start(t, args...)}
	streams, bodies := map[string]bool{}, map[string]bool{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			res := postKeyed(t.Context(), t, replicas[i%2].Base, "k", token) //nolint:bodyclose // postKeyed closes the body
			if res == nil {
				return
			}
			body, err := io.ReadAll(res.Body)
			mu.Lock()
			defer mu.Unlock()
			streams[res.Header.Get("Typewriter-Stream")], bodies[string(body)] = true, true
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if requests.Load() != 1 || len(streams) != 1 || len(bodies) != 1 {
		t.Errorf("%d requests to the service, streams %v, answers %v", requests.Load(), streams, bodies)
	}
	postKeyed(t.Context(), t, replicas[1].Base, "k", "Bearer another") //nolint:bodyclose // postKeyed closes the body
	if requests.Load() != 2 {
		t.Errorf("%d requests to the service for two credentials", requests.Load())
	}
	for _, key := range []string{strings.Repeat("k", 10<<20), ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, replicas[0].Base+"/v3/chat", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Idempotency-Key", key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // the server has closed the connection within the header
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a key of %d bytes: got %d", len(key), res.StatusCode)
		}
	}
}

// A retry after the loss of the replica that has started the answer gets the same chat as a
// whole from another replica.
func TestRetryAfterReplicaIsKilled(t *testing.T) {
	t.Parallel()
	_, replicas := startReplicas(t)
	want := poem(t)
	first := postKeyed(t.Context(), t, replicas[0].Base, "k", token) //nolint:bodyclose // postKeyed closes the body
	lines := bufio.NewScanner(first.Body)
	var begin strings.Builder
	for range 40 {
		lines.Scan()
		begin.WriteString(lines.Text() + "\n")
	}
	replicas[0].Kill()
	whole, err := io.ReadAll(postKeyed(t.Context(), t, replicas[1].Base, "k", token).Body) //nolint:bodyclose // postKeyed closes the body
	if err != nil {
		t.Fatal(err)
	}
	chat := regexp.MustCompile(`(?s)conversation.chat.created\n.*?"id":"(\d+)"`)
	before, after := chat.FindStringSubmatch(begin.String()), chat.FindSubmatch(whole)
	if before == nil || after == nil || before[1] != string(after[1]) {
		t.Errorf("chat %q, then %q", before, after)
	}
	if c := regexp.MustCompile(`event:conversation.message.delta\ndata:.*`).FindAllString(string(whole), -1); texts(strings.Join(c, "\n")) != want || !strings.Contains(string(whole), "event:done") {
		t.Errorf("got %q, want %q", texts(strings.Join(c, "\n")), want)
	}
}

// Links, lists and stop points from one replica hold at the other, and no log has a link.
func TestStreamsAcrossReplicas(t *testing.T) {
	t.Parallel()
	_, replicas := startReplicas(t)
	c := &resumingClient{t: t}
	c.read(replicas[0].Base, poemQuestion+"&conversation_id=7476727847408741412", 5)
	at := "/typewriter/streams/" + streamOf(c)
	list := "/typewriter/streams?conversation_id=7476727847408741412"
	status, body := send(t, "GET", replicas[1].Base+list, "Authorization", token)
	if status != http.StatusOK || !strings.Contains(body, `"stream":"`+streamOf(c)+`"`) {
		t.Errorf("list: got %d %s", status, body)
	}
	if status, body := send(t, "GET", replicas[1].Base+list, "Authorization", "Bearer stranger"); status != http.StatusOK || body != "[]" {
		t.Errorf("list of a stranger: got %d %s", status, body)
	}
	status, body = send(t, "POST", replicas[1].Base+at+"/links", "Authorization", token)
	var link struct{ URL string }
	if err := json.Unmarshal([]byte(body), &link); err != nil || status != http.StatusCreated {
		t.Fatalf("link: got %d %s", status, body)
	}
	if status, body := send(t, "GET", replicas[0].Base+link.URL+"&mode=raw"); status != http.StatusOK || texts(body) == "" {
		t.Errorf("by the link: got %d %s", status, body)
	}
	status, body = send(t, "DELETE", replicas[1].Base+at+"?at="+c.lastID, "Authorization", token)
	if status != http.StatusOK || !strings.Contains(body, "graphemes") {
		t.Errorf("stop: got %d %s", status, body)
	}
	for _, replica := range replicas {
		if status, _ := send(t, "GET", replica.Base+link.URL); status != http.StatusNoContent {
			t.Errorf("by the link, after the stop: got %d", status)
		}
		_, body := send(t, "GET", replica.Base+at+"?mode=raw", "Authorization", token)
		if texts(body) != c.text.String() || !strings.Contains(body, "event:done") {
			t.Errorf("after the stop: got %q, want %q", texts(body), c.text.String())
		}
		_, secret, _ := strings.Cut(link.URL, "link=")
		if strings.Contains(replica.Log.String(), secret) {
			t.Errorf("the log has a link: %s", replica.Log.String())
		}
	}
}

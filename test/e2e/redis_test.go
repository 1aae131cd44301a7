package e2e

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// startReplicas starts a Redis, a stand-in and two replicas in front of it.
func startReplicas(t *testing.T) (*testenv.Redis, [2]*testenv.Program) {
	t.Helper()
	server := testenv.StartRedis(t)
	standIn := testenv.Start(t)
	args := []string{"--upstream=" + standIn.Base + "/upstream", "--store=" + server.URL(), "--drain-timeout=1s"}
	return server, [2]*testenv.Program{testenv.Start(t, args...), testenv.Start(t, args...)}
}

// resumingClient reads one answer over several connections, to any replica.
type resumingClient struct {
	t      *testing.T
	lastID string // of the last event
	text   strings.Builder
	done   bool
}

const token = "Bearer SECRETOFTHEUSER"

var (
	eventPattern = regexp.MustCompile(`^(id|event|data): ?(.*)$`)
	content      = regexp.MustCompile(`"content":"((?:[^"\\]|\\.)*)"`)
)

// read reads up to the given number of events of a stream, or all if it is 0, and
// returns the header.
func (c *resumingClient) read(base, query string, events int) http.Header {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*testenv.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v3/chat?"+query, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	if c.lastID != "" {
		req.Header.Set("Last-Event-ID", c.lastID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		c.t.Fatalf("after %q: status %d %v %s", c.lastID, res.StatusCode, res.Header, body)
	}
	var id, name string
	lines := bufio.NewReader(res.Body)
	for n := 0; events == 0 || n < events; {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the replica may have been killed
		}
		m := eventPattern.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		switch {
		case m == nil:
		case m[1] == "id":
			id = m[2]
		case m[1] == "event":
			name = m[2]
		default:
			n++
			c.lastID = id
			c.done = name == "done"
			if delta := content.FindStringSubmatch(m[2]); delta != nil && name == "conversation.message.delta" {
				c.text.WriteString(delta[1])
			}
			if name == "error" {
				c.t.Fatalf("stream failed: %s", m[2])
			}
		}
	}
	return res.Header
}

// check compares the answer with the stand-in's.
func (c *resumingClient) check(want string) {
	c.t.Helper()
	if !c.done || c.text.String() != want {
		c.t.Errorf("done: %v; got %q, want %q", c.done, c.text.String(), want)
	}
}

const poemQuestion = "message=%E8%AF%97" // the answer takes three seconds

// poem returns the stand-in's answer to poemQuestion, as it is written in JSON.
func poem(t *testing.T) string {
	c := &resumingClient{t: t}
	c.read(testenv.Start(t).Base, poemQuestion+"&mode=raw", 0)
	return c.text.String()
}

// A client alternates between replicas, after any number of events: each continues at
// the position where the other stopped.
func TestResumeAcrossReplicas(t *testing.T) {
	t.Parallel()
	_, replicas := startReplicas(t)
	want := poem(t)
	for _, mode := range []string{"raw", "typewriter"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			c := &resumingClient{t: t}
			for i := 0; !c.done; i++ {
				c.read(replicas[i%2].Base, poemQuestion+"&speed=10&mode="+mode, 1+rand.IntN(9))
			}
			c.check(want)
		})
	}
}

// The replica that holds the upstream connection is killed or shut down: the other
// completes the answer.
func TestOwnerLoss(t *testing.T) {
	t.Parallel()
	want := poem(t)
	for _, test := range []struct {
		name string
		stop func(*testenv.Program)
	}{
		{"killed", (*testenv.Program).Kill},
		{"shut down", func(p *testenv.Program) { p.Signal(syscall.SIGTERM) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, replicas := startReplicas(t)
			c := &resumingClient{t: t}
			c.read(replicas[0].Base, poemQuestion+"&mode=raw", 10)
			c.read(replicas[1].Base, "mode=raw", 3)
			if c.done {
				t.Fatal("done too early")
			}
			test.stop(replicas[0])
			c.read(replicas[1].Base, "mode=raw", 0)
			c.check(want)
		})
	}
}

// Redis crashes in mid-answer and restarts empty: connected clients notice nothing, new
// streams report that they cannot be resumed for now, and all streams can be resumed
// after the restart.
func TestRedisCrash(t *testing.T) {
	t.Parallel()
	server, replicas := startReplicas(t)
	want := poem(t)
	connected := &resumingClient{t: t}
	first := connected.read(replicas[0].Base, poemQuestion, 5)
	if first.Get("Typewriter-Resume") != "" {
		t.Errorf("Typewriter-Resume is %q", first.Get("Typewriter-Resume"))
	}
	viewer, done := &resumingClient{t: t, lastID: connected.lastID}, make(chan struct{})
	viewer.read(replicas[1].Base, "", 3)
	viewer.text.Reset()
	viewer.lastID = connected.lastID
	go func() {
		defer close(done)
		viewer.read(replicas[1].Base, "", 0)
	}()
	server.Kill()
	connected.read(replicas[0].Base, "", 5) // the owner does not need Redis

	fresh := &resumingClient{t: t}
	if header := fresh.read(replicas[0].Base, poemQuestion, 5); header.Get("Typewriter-Resume") != "unavailable" {
		t.Errorf("Typewriter-Resume of a new stream is %q", header.Get("Typewriter-Resume"))
	}
	status, body := send(t, "GET", replicas[1].Base+"/v3/chat", "Last-Event-ID", fresh.lastID, "Authorization", token)
	if status != http.StatusOK || body != "retry:1000\n\n" {
		t.Errorf("without Redis, a reconnecting client gets %d %s", status, body)
	}
	status, body = send(t, "GET", replicas[1].Base+"/typewriter/streams/"+streamOf(fresh), "Authorization", token)
	if status != http.StatusServiceUnavailable || !strings.HasPrefix(body, `{"code":5030,`) {
		t.Errorf("without Redis, a new viewer gets %d %s", status, body)
	}
	status, body = send(t, "GET", replicas[1].Base+"/typewriter/streams/"+streamOf(fresh), "Accept", "text/event-stream", "Authorization", token)
	if status != http.StatusOK || body != "retry:1000\n\n" {
		t.Errorf("without Redis, a new EventSource gets %d %s", status, body)
	}

	server.Start()
	testenv.Eventually(t, "streams are shared again", func() bool {
		status, _ := send(t, "POST", replicas[1].Base+"/typewriter/streams/"+streamOf(fresh)+"/skip", "Authorization", token)
		return status == http.StatusNoContent
	})
	<-done // the viewer at the other replica has waited for Redis
	received := strings.TrimSuffix(want, viewer.text.String())
	if !viewer.done || received == want || !strings.HasPrefix(want, received) {
		t.Errorf("at the other replica: done %v, got %q", viewer.done, viewer.text.String())
	}
	fresh.read(replicas[1].Base, "", 0)
	fresh.check(want)
	connected.read(replicas[1].Base, "", 0)
	connected.check(want)
}

// A Redis that does not answer counts as unavailable; nothing is lost when it resumes.
func TestRedisStall(t *testing.T) {
	t.Parallel()
	server, replicas := startReplicas(t)
	want := poem(t)
	c := &resumingClient{t: t}
	c.read(replicas[0].Base, poemQuestion, 3)
	server.Pause()
	c.read(replicas[0].Base, "", 20)
	fresh := &resumingClient{t: t}
	if header := fresh.read(replicas[0].Base, poemQuestion, 3); header.Get("Typewriter-Resume") != "unavailable" {
		t.Errorf("Typewriter-Resume of a new stream is %q", header.Get("Typewriter-Resume"))
	}
	server.Resume()
	for _, c := range []*resumingClient{c, fresh} {
		testenv.Eventually(t, "the other replica finds the stream", func() bool {
			status, _ := send(t, "POST", replicas[1].Base+"/typewriter/streams/"+streamOf(c)+"/skip", "Authorization", token)
			return status == http.StatusNoContent
		})
		c.read(replicas[1].Base, "", 0)
		c.check(want)
	}
}

// A replica that is paused for longer than its lease loses its streams. When it runs
// again, clients get the same text from all replicas.
func TestPausedReplica(t *testing.T) {
	t.Parallel()
	_, replicas := startReplicas(t)
	want := poem(t)
	c := &resumingClient{t: t}
	c.read(replicas[0].Base, poemQuestion, 5)
	replicas[0].Signal(syscall.SIGSTOP)
	c.read(replicas[1].Base, "speed=10", 12) // once this replica has taken the stream over
	replicas[0].Signal(syscall.SIGCONT)
	for i := 0; !c.done && i < 100; i++ {
		if c.read(replicas[i%2].Base, "speed=10", 1+rand.IntN(5)).Get("Typewriter-Resume") == "unavailable" {
			time.Sleep(100 * time.Millisecond)
		}
	}
	c.check(want)
}

// streamOf returns the id of the stream that a client reads.
func streamOf(c *resumingClient) string {
	id, _, _ := strings.Cut(c.lastID, ":")
	return id
}

// A stream can be stopped at any replica.
func TestStopAtOtherReplica(t *testing.T) {
	t.Parallel()
	_, replicas := startReplicas(t)
	c := &resumingClient{t: t}
	c.read(replicas[0].Base, poemQuestion, 3)
	if status, body := send(t, "DELETE", replicas[1].Base+"/typewriter/streams/"+streamOf(c), "Authorization", token); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	c.read(replicas[0].Base, "", 0)
	if want := poem(t); !c.done || c.text.String() == want || !strings.HasPrefix(want, c.text.String()) {
		t.Errorf("done: %v, got %q", c.done, c.text.String())
	}
}

// No token is stored in Redis, and each key has the prefix and a TTL.
func TestRedisContents(t *testing.T) {
	t.Parallel()
	server, replicas := startReplicas(t)
	c := &resumingClient{t: t}
	c.read(replicas[0].Base, poemQuestion+"&mode=raw", 12)
	conn := dial(t, "http://"+server.Addr)
	defer conn.Close()
	in := bufio.NewReader(conn)
	ask := func(command string) (lines []string) {
		if _, err := io.WriteString(conn, command+"\r\nPING\r\n"); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if line == "+PONG\r\n" {
				return lines
			}
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	keys := 0
	for _, key := range ask("KEYS *") {
		if strings.HasPrefix(key, "*") || strings.HasPrefix(key, "$") {
			continue
		}
		keys++
		if !strings.HasPrefix(key, "typewriter:{"+streamOf(c)+"}") && key != "typewriter:generation" && !strings.HasPrefix(key, "typewriter:conversation:") {
			t.Errorf("key %q", key)
		}
		if ttl := ask("PTTL " + key); strings.HasPrefix(ttl[0], ":-") {
			t.Errorf("%s has no TTL: %q", key, ttl)
		}
		all := strings.Join(ask("DUMP "+key), "\n") + strings.Join(ask("HGETALL "+key), "\n")
		if strings.Contains(all, "SECRET") {
			t.Errorf("%s holds the token: %q", key, all)
		}
	}
	if keys != 5 {
		t.Errorf("%d keys", keys)
	}
}

// A replica without Redis is still ready, and reports that its store is unavailable.
func TestReadyWithoutRedis(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	p := testenv.Start(t, "--store="+server.URL())
	ready := func(store string) func() bool {
		return func() bool {
			status, body := send(t, "GET", p.Base+"/readyz")
			if status != http.StatusOK {
				t.Fatalf("got %d %s", status, body)
			}
			return body == `{"status":"ready","store":"`+store+`"}`
		}
	}
	testenv.Eventually(t, "ready", ready("available"))
	server.Pause()
	testenv.Eventually(t, "Redis is paused", ready("unavailable"))
	server.Resume()
	testenv.Eventually(t, "Redis is resumed", ready("available"))
	server.Kill()
	testenv.Eventually(t, "Redis is killed", ready("unavailable"))
	server.Start()
	testenv.Eventually(t, "Redis is restarted", ready("available"))
}

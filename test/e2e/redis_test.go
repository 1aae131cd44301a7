package e2e

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"sse-typewriter/internal/testenv"
)

// replica is the program as a process.
type replica struct {
	cmd  *exec.Cmd
	base string
	log  testenv.Output
}

func startReplica(t *testing.T, args ...string) *replica {
	t.Helper()
	r := &replica{}
	r.cmd = command(context.WithoutCancel(t.Context()), append([]string{"--addr=127.0.0.1:0", "--drain-timeout=1s"}, args...)...)
	r.cmd.Stderr = &r.log
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", r.base, r.log.String())
		}
		if strings.Contains(r.log.String(), "DATA RACE") {
			t.Error("data race")
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, r.log.String())
	}
	r.base = regexp.MustCompile(`http://127[0-9.:]+[0-9]`).FindString(line)
	return r
}

func (r *replica) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// shared starts a redis-server, a stand-in and two replicas in front of it.
func shared(t *testing.T) (*testenv.Redis, [2]*replica) {
	t.Helper()
	server := testenv.StartRedis(t)
	standIn := startReplica(t)
	args := []string{"--upstream=" + standIn.base + "/upstream", "--bot-id=1", "--store=" + server.URL()}
	return server, [2]*replica{startReplica(t, args...), startReplica(t, args...)}
}

// hopper is a client that reads one answer in pieces, from any replica.
type hopper struct {
	t    *testing.T
	last string // id
	text strings.Builder
	over bool
}

const token = "Bearer SECRETOFTHEUSER"

var (
	eventPattern = regexp.MustCompile(`^(id|event|data): ?(.*)$`)
	content      = regexp.MustCompile(`"content":"((?:[^"\\]|\\.)*)"`)
)

// read reads up to so many events of a stream, all if it is 0, and returns the header.
func (h *hopper) read(base, query string, events int) http.Header {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 3*patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v3/chat?"+query, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	if h.last != "" {
		req.Header.Set("Last-Event-ID", h.last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		h.t.Fatalf("after %q: status %d %v %s", h.last, res.StatusCode, res.Header, body)
	}
	var id, name string
	lines := bufio.NewReader(res.Body)
	for n := 0; events == 0 || n < events; {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // its process may have been killed
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
			h.last = id
			h.over = name == "done"
			if c := content.FindStringSubmatch(m[2]); c != nil && name == "conversation.message.delta" {
				h.text.WriteString(c[1])
			}
			if name == "error" {
				h.t.Fatalf("stream failed: %s", m[2])
			}
		}
	}
	return res.Header
}

// check compares the answer with what the stand-in says.
func (h *hopper) check(want string) {
	h.t.Helper()
	if !h.over || h.text.String() != want {
		h.t.Errorf("over: %v; got %q, want %q", h.over, h.text.String(), want)
	}
}

const poemQuestion = "message=%E8%AF%97" // the poem of the stand-in, three seconds of it

// poem is what the stand-in answers to that.
func poem(t *testing.T) string {
	h := &hopper{t: t}
	h.read(start(t), poemQuestion+"&mode=raw", 0)
	return h.text.String()
}

// A client hops between replicas after any event: each goes on where the other was.
func TestHopping(t *testing.T) {
	_, replicas := shared(t)
	want := poem(t)
	for _, mode := range []string{"raw", "typewriter"} {
		t.Run(mode, func(t *testing.T) {
			h := &hopper{t: t}
			for i := 0; !h.over; i++ {
				h.read(replicas[i%2].base, poemQuestion+"&speed=10&mode="+mode, 1+rand.IntN(9))
			}
			h.check(want)
		})
	}
}

// The replica that has the upstream is killed, or told to end: the other completes the
// answer.
func TestOwnerIsLost(t *testing.T) {
	_, replicas := shared(t)
	third := startReplica(t, replicas[0].cmd.Args[3:]...)
	want := poem(t)
	for _, test := range []struct {
		name string
		end  func(*replica)
	}{
		{"killed", (*replica).kill},
		{"told to end", func(r *replica) { _ = r.cmd.Process.Signal(syscall.SIGTERM) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			owner := replicas[0]
			replicas[0] = third
			h := &hopper{t: t}
			h.read(owner.base, poemQuestion+"&mode=raw", 10)
			h.read(replicas[1].base, "mode=raw", 3)
			if h.over {
				t.Fatal("over too early")
			}
			test.end(owner)
			h.read(replicas[1].base, "mode=raw", 0)
			h.check(want)
		})
	}
}

// Redis is lost in mid-answer, and comes back empty: attached clients see nothing of
// it, new streams say that they may be lost, and all heals.
func TestRedisIsLost(t *testing.T) {
	server, replicas := shared(t)
	want := poem(t)
	attached := &hopper{t: t}
	first := attached.read(replicas[0].base, poemQuestion, 5)
	if first.Get("Typewriter-Resume") != "" {
		t.Errorf("said %q", first.Get("Typewriter-Resume"))
	}
	elsewhere, done := &hopper{t: t, last: attached.last}, make(chan struct{})
	elsewhere.read(replicas[1].base, "", 3)
	elsewhere.text.Reset()
	elsewhere.last = attached.last
	go func() {
		defer close(done)
		elsewhere.read(replicas[1].base, "", 0)
	}()
	server.Kill()
	attached.read(replicas[0].base, "", 5) // its own replica knows it

	fresh := &hopper{t: t}
	if header := fresh.read(replicas[0].base, poemQuestion, 5); header.Get("Typewriter-Resume") != "unavailable" {
		t.Errorf("a new stream says %q", header.Get("Typewriter-Resume"))
	}
	status, body := get(t, "GET", replicas[1].base+"/v3/chat", "Last-Event-ID", fresh.last, "Authorization", token)
	if status != http.StatusOK || body != "retry:1000\n\n" {
		t.Errorf("while Redis is lost, one who comes back gets %d %s", status, body)
	}
	status, body = get(t, "GET", replicas[1].base+"/typewriter/streams/"+streamOf(fresh), "Authorization", token)
	if status != http.StatusServiceUnavailable || !strings.HasPrefix(body, `{"code":5030,`) {
		t.Errorf("while Redis is lost, one who comes gets %d %s", status, body)
	}

	server.Start()
	testenv.Eventually(t, "streams are shared again", func() bool {
		status, _ := get(t, "POST", replicas[1].base+"/typewriter/streams/"+streamOf(fresh)+"/skip", "Authorization", token)
		return status == http.StatusNoContent
	})
	<-done // who was attached to the other replica has waited
	seen := strings.TrimSuffix(want, elsewhere.text.String())
	if !elsewhere.over || seen == want || !strings.HasPrefix(want, seen) {
		t.Errorf("at the other replica: over %v, got %q", elsewhere.over, elsewhere.text.String())
	}
	fresh.read(replicas[1].base, "", 0)
	fresh.check(want)
	attached.read(replicas[1].base, "", 0)
	attached.check(want)
}

// A Redis that answers nothing is like one that is lost, and loses nothing.
func TestRedisHangs(t *testing.T) {
	server, replicas := shared(t)
	want := poem(t)
	h := &hopper{t: t}
	h.read(replicas[0].base, poemQuestion, 3)
	server.Pause()
	h.read(replicas[0].base, "", 20)
	fresh := &hopper{t: t}
	if header := fresh.read(replicas[0].base, poemQuestion, 3); header.Get("Typewriter-Resume") != "unavailable" {
		t.Errorf("a new stream says %q", header.Get("Typewriter-Resume"))
	}
	server.Resume()
	for _, h := range []*hopper{h, fresh} {
		testenv.Eventually(t, "it can be found elsewhere", func() bool {
			status, _ := get(t, "POST", replicas[1].base+"/typewriter/streams/"+streamOf(h)+"/skip", "Authorization", token)
			return status == http.StatusNoContent
		})
		h.read(replicas[1].base, "", 0)
		h.check(want)
	}
}

func streamOf(h *hopper) string {
	id, _, _ := strings.Cut(h.last, ":")
	return id
}

// The answer is stopped from the other replica.
func TestStopElsewhere(t *testing.T) {
	_, replicas := shared(t)
	h := &hopper{t: t}
	h.read(replicas[0].base, poemQuestion, 3)
	if status, body := get(t, "DELETE", replicas[1].base+"/typewriter/streams/"+streamOf(h), "Authorization", token); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	h.read(replicas[0].base, "", 0)
	if want := poem(t); !h.over || h.text.String() == want || !strings.HasPrefix(want, h.text.String()) {
		t.Errorf("over: %v, got %q", h.over, h.text.String())
	}
}

// What is in Redis tells no token, and all of it has a prefix and ends.
func TestRedisHoldsNoSecret(t *testing.T) {
	server, replicas := shared(t)
	h := &hopper{t: t}
	h.read(replicas[0].base, poemQuestion+"&mode=raw", 12)
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
		if !strings.HasPrefix(key, "typewriter:{"+streamOf(h)+"}") {
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
	if keys != 3 {
		t.Errorf("%d keys", keys)
	}
}

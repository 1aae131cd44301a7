package proxy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// parts are pieces of an answer that divide graphemes, as an AI service may.
var parts = []string{"你好，", "这是 e", "\u0301 和 👨\u200d", "👩\u200d👧，", "行\u2028间 <b>&\"\\", " कि", "न्तु\n\n", "1. 完。"}

// answerWith sends the parts, and again after a signal.
func answerWith(signal <-chan struct{}) func(*chat) {
	return func(c *chat) {
		for _, part := range parts {
			c.say(part)
		}
		c.await(signal)
		for _, part := range parts {
			c.say(part)
		}
		c.end()
	}
}

// A page whose connection is cut in mid-answer reconnects, gets exactly the rest of the
// same answer, and stops when the server says so.
func TestCut(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, behind func(*testing.T, *testenv.Program) (base string, cut func())) {
		t.Parallel()
		goOn := make(chan struct{})
		u := newUpstream(t, answerWith(goOn), nil)
		base, cut := behind(t, testenv.Start(t, "--upstream="+u.URL))
		page, ended := open(t, base, "x", "&speed=4")
		testenv.Eventually(t, "an event has come", func() bool { return page.connections() == 1 })
		cut()
		close(goOn)
		if err := testenv.Receive(t, "the page is told to stop", ended); err != nil {
			t.Fatal(err)
		}
		page.check(t, u.sentTo("x"), 2)
	}
	for name, cut := range map[string]func(*nginx){
		"worker killed":     func(n *nginx) { n.endWorkers(syscall.SIGKILL) },
		"worker terminated": func(n *nginx) { n.endWorkers(syscall.SIGTERM) },
		"reload":            (*nginx).reload,
	} {
		t.Run(name, func(t *testing.T) {
			check(t, func(t *testing.T, s *testenv.Program) (string, func()) {
				n := startNginx(t, s)
				return n.base, func() { cut(n) }
			})
		})
	}
	for _, front := range fronts {
		t.Run("restart of "+front.name, func(t *testing.T) {
			check(t, func(t *testing.T, s *testenv.Program) (string, func()) {
				f := front.start(t, s)
				return f.base, f.restart
			})
		})
	}
}

// Without heartbeats nginx cuts a stream that is silent for longer than its timeout.
// The page reconnects as often as necessary.
func TestTimeoutCuts(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	u := newUpstream(t, answerWith(goOn), nil)
	n := startNginx(t, testenv.Start(t, "--upstream="+u.URL, "--heartbeat=1h"), [2]string{"proxy_read_timeout 90s;", "proxy_read_timeout 1s;"})
	page, ended := open(t, n.base, "x", "&mode=raw")
	testenv.Eventually(t, "the page has come back twice", func() bool { return page.responses() >= 3 })
	close(goOn)
	if err := testenv.Receive(t, "the page is told to stop", ended); err != nil {
		t.Fatal(err)
	}
	page.check(t, u.sentTo("x"), page.responses()-1)
}

// The same with the EventSource package of npm, which follows the browsers'.
func TestCutNPM(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	u := newUpstream(t, answerWith(goOn), nil)
	n := startNginx(t, testenv.Start(t, "--upstream="+u.URL, "--speed=4"))
	testenv.InstallNPM(t, "../sdk")
	cmd := exec.CommandContext(t.Context(), "node", "eventsource.mjs", n.base, "content")
	cmd.Dir = "../sdk"
	var failed testenv.Output
	cmd.Stderr = &failed
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	var closed string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var line struct {
			Event string
			Data  struct {
				Content     string
				Statuses    []int
				EachHasAnID bool
			}
		}
		// Not all data are objects.
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil && line.Event == "" {
			t.Errorf("node printed %s", lines.Text())
		}
		switch line.Event {
		case "conversation.message.delta":
			if got.Len() == 0 {
				n.restart()
				close(goOn)
			}
			got.WriteString(line.Data.Content)
		case "closed":
			closed = fmt.Sprint(line.Data.Statuses, line.Data.EachHasAnID)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("node ended with %v: %s", err, failed.String())
	}
	if want := u.sentTo("写一首诗"); len(want) != 1 || got.String() != want[0] {
		t.Errorf("got text %q\nwant %q", got.String(), want)
	}
	if closed != "[200 200 204] true" {
		t.Errorf("it closed with %s", closed)
	}
}

// While nginx is reloaded, stopped, and loses its workers, each of twenty pages gets
// exactly its answer.
func TestManyPagesUnderReloads(t *testing.T) {
	t.Parallel()
	const pages = 20
	cuts := []func(*nginx){
		(*nginx).reload, (*nginx).restart, (*nginx).reload,
		func(n *nginx) { n.endWorkers(syscall.SIGKILL) }, (*nginx).restart, (*nginx).reload,
	}
	enough := make(chan struct{})
	u := newUpstream(t, func(c *chat) {
		beat := time.NewTicker(50 * time.Millisecond)
		defer beat.Stop()
		for i := 0; c.ctx.Err() == nil; i++ {
			c.say(parts[i%len(parts)])
			select {
			case <-enough:
				c.end()
				return
			case <-beat.C:
			}
		}
	}, nil)
	n := startNginx(t, testenv.Start(t, "--upstream="+u.URL, "--max-lag=500ms"))
	var all []*eventSource
	var ends []<-chan error
	for i := range pages {
		page, ended := open(t, n.base, fmt.Sprint("page", i), "&mode="+[]string{"typewriter", "smooth", "raw"}[i%3])
		all, ends = append(all, page), append(ends, ended)
	}
	for i, cut := range append(cuts, func(*nginx) { close(enough) }) {
		testenv.Eventually(t, fmt.Sprint("all pages are there after cut ", i), func() bool {
			return !slices.ContainsFunc(all, func(b *eventSource) bool { return b.connections() <= i })
		})
		cut(n)
	}
	for i, page := range all {
		if err := testenv.Receive(t, "a page ends", ends[i]); err != nil {
			t.Fatal(err)
		}
		page.check(t, u.sentTo(fmt.Sprint("page", i)), len(cuts)+1)
	}
}

// A client that starts a stream with event ids by POST resumes it by POST, also at a
// path with two slashes, which SDKs build from a base URL that ends with one.
func TestPostResumes(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	u := newUpstream(t, answerWith(goOn), nil)
	n := startNginx(t, testenv.Start(t, "--upstream="+u.URL, "--mode=raw"))
	const body = `{"bot_id":"1","user_id":"u","stream":true,"additional_messages":[{"role":"user","content":"x","content_type":"text"}]}`
	last := ""
	var got strings.Builder
	for range 2 {
		res := sendRequest(t, http.DefaultClient, http.MethodPost, n.base+"//v3/chat", body, "Typewriter-Event-Ids", "on", "Last-Event-ID", last)
		page := &eventSource{ids: map[string]bool{}}
		if last == "" {
			lines := bufio.NewReader(res.Body)
			page.read(strings.NewReader(readTo(t, lines, "id:") + readTo(t, lines, "\n")))
			page.read(strings.NewReader(readTo(t, lines, "id:") + readTo(t, lines, "\n")))
			close(goOn)
		} else {
			page.read(res.Body)
		}
		_ = res.Body.Close() // which closes the first one's connection
		last = page.lastID
		got.WriteString(page.received())
	}
	if want := u.sentTo("x"); len(want) != 1 || got.String() != want[0] {
		t.Errorf("got text %q\nwant %q", got.String(), want)
	}
	res := sendRequest(t, http.DefaultClient, http.MethodPost, n.base+"//v3/chat", body, "Typewriter-Event-Ids", "on", "Last-Event-ID", last)
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent || res.Header.Get("Typewriter-Resume") != "finished" {
		t.Errorf("then got %d %v", res.StatusCode, res.Header)
	}
}

package sdk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// countingService is an AI service that begins to answer after a while, and counts the
// requests by model.
type countingService struct {
	mu       sync.Mutex
	requests map[string]int
}

const retriedAnswer = "Hello world, said the answer."

func (s *countingService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ Model string }
	_ = json.NewDecoder(r.Body).Decode(&body) // an unknown model fails the test
	s.mu.Lock()
	s.requests[body.Model]++
	s.mu.Unlock()
	time.Sleep(time.Second)
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, chunks(role, delta(`"content":"`+retriedAnswer+`"`), stop, ending).body) // the client may have left
}

// cuttingBalancer passes requests to replicas in turn, and cuts the connections of the first
// two requests with each key: before the reply, or after a part of the stream.
type cuttingBalancer struct {
	t        *testing.T
	replicas []*testenv.Program

	mu    sync.Mutex
	tries map[string]int // by key
}

func (b *cuttingBalancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	b.mu.Lock()
	try := b.tries[key]
	b.tries[key]++
	b.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Error(err)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if try == 0 {
		time.AfterFunc(300*time.Millisecond, cancel)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, b.replicas[try%2].Base+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		b.t.Error(err)
		return
	}
	req.Header = r.Header.Clone()
	req.Header.Set("Typewriter-Speed", "5")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(http.ErrAbortHandler) // the connection is cut
	}
	defer res.Body.Close()
	if try == 1 && key != "fetch-event-source" { // an SDK retries before the reply only
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), res.Header)
	w.WriteHeader(res.StatusCode)
	if try == 1 {
		// fetch-event-source takes the id of an event that is cut behind the id as received.
		events := bufio.NewReader(res.Body)
		for blank := 0; blank < 7; {
			line, err := events.ReadString('\n')
			if err != nil {
				b.t.Errorf("the stream is too short: %v", err)
				break
			}
			if line == "\n" {
				blank++
			}
			_, _ = io.WriteString(flushing{w}, line) // the client may have left
		}
		panic(http.ErrAbortHandler)
	}
	_, _ = io.Copy(flushing{w}, res.Body)
}

// flushing flushes each write.
type flushing struct{ http.ResponseWriter }

func (w flushing) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	_ = http.NewResponseController(w.ResponseWriter).Flush() // the client may have left
	return n, err
}

// SDKs that retry reach the same stream by their idempotency key, at two replicas: three
// requests of an SDK are one request to the service, whose tokens count once.
func TestRetriesStartOnce(t *testing.T) {
	t.Parallel()
	testenv.InstallNPM(t, ".")
	python := testenv.InstallPip(t, "requirements.txt")
	service := &countingService{requests: map[string]int{}}
	upstream := httptest.NewServer(service)
	t.Cleanup(upstream.Close)
	redis := testenv.StartRedis(t)
	args := []string{"--upstream=" + upstream.URL + "/v1", "--store=" + redis.URL()}
	balancer := &cuttingBalancer{t: t, replicas: []*testenv.Program{start(t, args...), start(t, args...)}, tries: map[string]int{}}
	front := httptest.NewServer(balancer)
	t.Cleanup(front.Close)

	got := runScript(t, "node", "retries.mjs", front.URL)
	maps.Copy(got, runScript(t, python, "with_retries.py", front.URL))
	for _, name := range []string{"openai-node", "openai-python", "fetch-event-source"} {
		if !slices.ContainsFunc(got[name], func(l line) bool { return l.Event == "text" && string(l.Data) == strconv.Quote(retriedAnswer) }) {
			t.Errorf("%s: got %s", name, list(normalize(got[name])))
		}
		if balancer.tries[name] != 3 || service.requests[name] != 1 {
			t.Errorf("%s: %d requests led to %d requests to the service, want 3 and 1", name, balancer.tries[name], service.requests[name])
		}
	}
	tokens := 0
	for _, replica := range balancer.replicas {
		tokens += sumOf(t, replica, `typewriter_tokens_total\{.*\}`)
	}
	if want := 3 * 8; tokens != want { // in the usage of each answer
		t.Errorf("%d tokens were counted, want %d", tokens, want)
	}
}

// sumOf returns the sum of the metrics whose names match a pattern.
func sumOf(t *testing.T, p *testenv.Program, pattern string) (sum int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.Base+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)^"+pattern+" (.*)$").FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(strings.TrimSpace(m[1]))
		if err != nil {
			t.Error(err)
		}
		sum += n
	}
	return sum
}

package soak

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/mock"
	anthropicmock "sse-typewriter/mock/anthropic"
	cozemock "sse-typewriter/mock/coze"
	difymock "sse-typewriter/mock/dify"
	geminimock "sse-typewriter/mock/gemini"
	ollamamock "sse-typewriter/mock/ollama"
	openaimock "sse-typewriter/mock/openai"
	responsesmock "sse-typewriter/mock/openai/responses"
)

var (
	durationFlag = flag.Duration("duration", 0, "duration of the soak; 0 skips the test")
	seedFlag     = flag.Uint64("seed", 1, "seed of questions and habits of readers")
	readersFlag  = flag.Int("readers", 30, "answers at a time")
)

// Intervals of the disturbances.
const (
	killInterval   = time.Minute
	reloadInterval = 20 * time.Second
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// replicas are the replicas of the program. The first is never killed.
type replicas struct {
	t      *testing.T
	args   []string
	config string // the file with the settings to reload

	mu  sync.Mutex
	all [3]*testenv.Program
}

func (r *replicas) start(i int) {
	p := testenv.Start(r.t, r.args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[i] = p
}

func (r *replicas) get(i int) *testenv.Program {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[i]
}

func (r *replicas) first() string                { return r.get(0).Base }
func (r *replicas) any(random *rand.Rand) string { return r.get(random.IntN(len(r.all))).Base }

// use is the use of resources by the first replica.
type use struct{ goroutines, descriptors, memory float64 }

var metric = regexp.MustCompile(`(?m)^(go_goroutines|process_open_fds|process_resident_memory_bytes) (\S+)`)

func (r *replicas) use() (u use) {
	res, err := http.Get(r.first() + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range metric.FindAllStringSubmatch(string(body), -1) {
		v, _ := strconv.ParseFloat(m[2], 64) // a metric is a number
		switch m[1] {
		case "go_goroutines":
			u.goroutines = v
		case "process_open_fds":
			u.descriptors = v
		default:
			u.memory = v / (1 << 20)
		}
	}
	return u
}

// result counts the outcomes.
type result struct {
	mu                                          sync.Mutex
	answers, whole, stopped, unrecovered, again int
	wrong                                       []string
	kills                                       int
}

func TestSoak(t *testing.T) {
	if *durationFlag == 0 {
		t.Skip("run make soak")
	}
	redis := testenv.StartRedis(t)
	s := startService(t, mock.New(*seedFlag, cozemock.New(), openaimock.Dialect{}, &responsesmock.Dialect{}, anthropicmock.Dialect{}, geminimock.Dialect{}, difymock.New(), ollamamock.Dialect{}))
	config := filepath.Join(t.TempDir(), "config.yaml")
	writeConfig(t, config, 0)
	r := &replicas{t: t, config: config, args: []string{
		"--upstream=" + s.URL, "--store=" + redis.URL(), "--allow-anonymous", "--drain-timeout=1s", "--config=" + config,
		"--resume-grace=10s", "--resume-retention=30s",
	}}
	for i := range r.all {
		r.start(i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), *durationFlag)
	defer cancel()
	res := &result{}
	var work sync.WaitGroup
	for i := range *readersFlag {
		work.Go(func() { res.readAnswers(ctx, r, s, i) })
	}
	work.Go(func() { res.disturb(ctx, r) })

	before, early := r.use(), use{}
	for start := time.Now(); ctx.Err() == nil; {
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
		}
		u := r.use()
		if early == (use{}) && time.Since(start) > *durationFlag/5 {
			early = u
		}
		t.Logf("%v: %d answers, %d whole, %d stopped, %d ended in an error after a kill, %d asked again after a kill; %+v",
			time.Since(start).Round(time.Second), res.answers, res.whole, res.stopped, res.unrecovered, res.again, u)
	}
	work.Wait()
	if len(res.wrong) > 0 || res.whole == 0 {
		t.Errorf("%d of %d answers are wrong; the first:\n%s", len(res.wrong), res.answers, strings.Join(res.wrong[:min(5, len(res.wrong))], "\n"))
	}
	http.DefaultClient.CloseIdleConnections()
	s.CloseClientConnections()
	testenv.Eventually(t, "goroutines and descriptors are back", func() bool {
		u := r.use()
		return u.goroutines <= before.goroutines+10 && u.descriptors <= before.descriptors+10
	})
	after := r.use()
	t.Logf("before %+v, early %+v, after %+v", before, early, after)
	if after.memory > 1.5*early.memory {
		t.Errorf("memory grew from %.0f MB to %.0f MB", early.memory, after.memory)
	}
}

// writeConfig writes settings that differ from the settings before.
func writeConfig(t *testing.T, file string, reloads int) {
	content := fmt.Sprintf("log-level: warn\nmax-streams-per-client: %d\n", 1000+reloads)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Error(err)
	}
}

// disturb kills a replica in each interval and reloads the settings of the first.
func (res *result) disturb(ctx context.Context, r *replicas) {
	kill, reload := time.NewTicker(killInterval), time.NewTicker(reloadInterval)
	defer kill.Stop()
	defer reload.Stop()
	reloads := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-reload.C:
			reloads++
			writeConfig(r.t, r.config, reloads)
			r.get(0).Signal(syscall.SIGHUP)
		case <-kill.C:
			i := 1 + res.kills%(len(r.all)-1)
			r.get(i).Kill()
			res.mu.Lock()
			res.kills++
			res.mu.Unlock()
			r.start(i) //nolint:contextcheck // the replica ends with the test
		}
	}
}

// readAnswers reads answers in turn until the context ends.
func (res *result) readAnswers(ctx context.Context, r *replicas, s *service, reader int) {
	random := rand.New(rand.NewPCG(*seedFlag, uint64(reader)))
	for n := 0; ctx.Err() == nil; n++ {
		kills := res.numKills()
		q := newReader(r, random, fmt.Sprintf("soak-%d-%d", reader, n))
		q.run(context.WithoutCancel(ctx))
		whole := q.whole(context.WithoutCancel(ctx))
		res.add(q, whole, s.take(q.question), res.numKills() > kills)
	}
}

func (res *result) numKills() int {
	res.mu.Lock()
	defer res.mu.Unlock()
	return res.kills
}

// add counts an answer, given the text of the whole stream, the replies of the service, and
// whether a replica was killed in the meantime.
func (res *result) add(q *reader, whole string, replies []*recording, killed bool) {
	res.mu.Lock()
	defer res.mu.Unlock()
	res.answers++
	sent := ""
	if len(replies) > 0 {
		sent = q.format.textOf(replies[len(replies)-1].String())
	}
	got, wrong := q.text.String(), ""
	switch {
	case q.failed != "" && killed:
		res.unrecovered++
	case q.failed != "":
		wrong = "failed: " + q.failed
	case !q.ended:
		wrong = "not over"
	case len(replies) > 1 && !killed:
		wrong = fmt.Sprintf("asked %d times", len(replies))
	case got != whole:
		wrong = fmt.Sprintf("read %q, the whole stream has %q", got, whole)
	case q.stopped && !strings.HasPrefix(sent, got) && !strings.HasPrefix(got, sent):
		wrong = fmt.Sprintf("stopped: read %q, the service sent %q", got, sent)
	case !q.stopped && got != sent && !killed:
		wrong = fmt.Sprintf("read %q, the service sent %q", got, sent)
	case q.stopped:
		res.stopped++
	default:
		res.whole++
	}
	if len(replies) > 1 && killed {
		res.again++
	}
	if wrong != "" {
		res.wrong = append(res.wrong, fmt.Sprintf("%s %s: %s\n\t%s", q.format.name, q.question, wrong, strings.Join(q.journal, "\n\t")))
	}
}

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"sse-typewriter/internal/app"

	"sse-typewriter/internal/testenv"
)

// What operators ask for is served, on both addresses or on theirs alone.
func TestOperatorsRoutes(t *testing.T) {
	r := startReplica(t, "--admin-addr=127.0.0.1:0")
	var admin []string
	testenv.Eventually(t, "the address is told", func() bool {
		admin = regexp.MustCompile(`address=(http://127[0-9.:]+)\n`).FindStringSubmatch(r.log.String())
		return admin != nil
	})
	for _, test := range []struct {
		method, url string
		status      int
		want        string // in the body
	}{
		{"GET", r.base + "/metrics", 200, "\ntypewriter_streams_active 0\n"},
		{"HEAD", r.base + "/metrics", 200, ""},
		{"POST", r.base + "/metrics", 405, `"code":4000`},
		{"GET", r.base + "/healthz", 200, "ok"},
		{"HEAD", r.base + "/healthz", 200, ""},
		{"POST", r.base + "/healthz", 405, `"code":4000`},
		{"GET", r.base + "/readyz", 200, `{"status":"ready","store":"available"}`},
		{"HEAD", r.base + "/readyz", 200, ""},
		{"GET", r.base + "/debug/pprof/", 404, `"code":4200`},
		{"GET", r.base + "/debug/pprof/heap", 404, `"code":4200`},
		{"GET", admin[1] + "/metrics", 200, "\ngo_goroutines "},
		{"GET", admin[1] + "/debug/pprof/", 200, "goroutine"},
		{"GET", admin[1] + "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{"GET", admin[1] + "/debug/pprof/cmdline", 404, ""}, // it may hold a token
		{"GET", admin[1] + "/v3/chat", 404, ""},
		{"POST", admin[1] + "/metrics", 405, ""},
	} {
		status, body := get(t, test.method, test.url)
		if status != test.status || !strings.Contains(body, test.want) || test.method == "HEAD" && body != "" {
			t.Errorf("%s %s: got %d %.300s", test.method, test.url, status, body)
		}
	}
}

func TestAdminAddressIsTaken(t *testing.T) {
	taken := httptest.NewServer(nil)
	defer taken.Close()
	err := app.Run(t.Context(), []string{"--addr=127.0.0.1:0", "--admin-addr=" + strings.TrimPrefix(taken.URL, "http://")}, io.Discard, io.Discard)
	if err == nil || !strings.HasPrefix(err.Error(), "cannot serve metrics on 127.0.0.1:") {
		t.Errorf("ended with %v", err)
	}
}

// entry is a line of the log.
type entry struct {
	Msg, Stream, Route, Mode, Outcome, Reason string
	RequestID                                 string `json:"request_id"`
	FirstByte                                 int64  `json:"first_byte"`
	Graphemes, Status                         int
	Duration                                  int64
}

// logged waits for the line about a request.
func logged(t *testing.T, r *replica, id string) (found entry) {
	t.Helper()
	testenv.Eventually(t, "a line for "+id, func() bool {
		for text := range strings.Lines(r.log.String()) {
			e := entry{}
			if json.Unmarshal([]byte(text), &e) == nil && e.RequestID == id {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// Each reply has the request's id, and so do the upstream and the log: streams, replies
// passed on, errors. What was said is nowhere in the log, nor who said it.
func TestRequestsAreFollowed(t *testing.T) {
	ids := make(chan string, 1)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids <- r.Header.Get("X-Request-Id")
		w.Header().Set("X-Request-Id", "the-upstreams-own")
		switch r.URL.Path {
		case "/v3/chat":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"MARKANSWER\"}\n\nevent:done\ndata:\"[DONE]\"\n\n")
		case "/v1/broken":
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, `{"code":0,"data":"MARKANSWER"}`)
		}
	}))
	defer up.Close()
	r := startReplica(t, "--upstream="+up.URL, "--bot-id=1", "--log-level=debug", "--log-format=json")
	for i, test := range []struct {
		method, path string
		upstream     bool
		want         entry // empty: it is not logged
	}{
		{"POST", "/v3/chat?message=MARKQUESTION", true, entry{Msg: "stream ended", Route: "POST /v3/chat", Mode: "typewriter", Outcome: "done", Graphemes: len("MARKANSWER")}},
		{"GET", "/v3/chat?mode=smooth&message=MARKQUESTION", true, entry{Msg: "stream ended", Route: "GET /v3/chat", Mode: "smooth", Outcome: "done", Graphemes: len("MARKANSWER")}},
		{"GET", "/v1/some?q=MARKQUESTION", true, entry{Msg: "reply passed on", Route: "GET /v1/*", Status: 200}},
		{"POST", "/v1/broken?q=MARKQUESTION", true, entry{Msg: "no reply from upstream", Route: "POST /v1/*", Reason: "unreachable"}},
		{"GET", "/MARKQUESTION", false, entry{}},
		{"GET", "/v1/../MARKQUESTION", false, entry{}},
		{"GET", "/readyz", false, entry{}},
		{"GET", "/metrics", false, entry{}},
	} {
		id := fmt.Sprintf("request-%d", i)
		req, err := http.NewRequestWithContext(t.Context(), test.method, r.base+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", id)
		req.Header.Set("Authorization", "Bearer MARKTOKEN")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body) // it is as it is
		_ = res.Body.Close()
		if got := res.Header.Values("X-Request-Id"); len(got) != 1 || got[0] != id {
			t.Errorf("%s: reply has %q", test.path, got)
		}
		if test.upstream {
			if got := <-ids; got != id {
				t.Errorf("%s: upstream got %q", test.path, got)
			}
		}
		if test.want == (entry{}) {
			continue
		}
		got := logged(t, r, id)
		if got.Msg == "stream ended" && (got.Stream == "" || got.FirstByte <= 0 || got.Duration < got.FirstByte) {
			t.Errorf("%s: logged %+v", test.path, got)
		}
		got.Stream, got.RequestID, got.FirstByte, got.Duration = "", "", 0, 0
		if got != test.want {
			t.Errorf("%s: logged %+v\nwant %+v", test.path, got, test.want)
		}
	}
	if log := r.log.String(); strings.Contains(log, "MARK") || strings.Contains(log, up.URL+"/") {
		t.Errorf("log is %s", log)
	}
}

// Without Redis a replica serves: it only says that it is alone.
func TestReadyWithoutRedis(t *testing.T) {
	server := testenv.StartRedis(t)
	r := startReplica(t, "--store="+server.URL())
	ready := func(store string) func() bool {
		return func() bool {
			status, body := get(t, "GET", r.base+"/readyz")
			if status != http.StatusOK {
				t.Fatalf("got %d %s", status, body)
			}
			return body == `{"status":"ready","store":"`+store+`"}`
		}
	}
	testenv.Eventually(t, "ready", ready("available"))
	server.Pause()
	testenv.Eventually(t, "Redis hangs", ready("unavailable"))
	server.Resume()
	testenv.Eventually(t, "Redis answers again", ready("available"))
	server.Kill()
	testenv.Eventually(t, "Redis is gone", ready("unavailable"))
	server.Start()
	testenv.Eventually(t, "Redis is back", ready("available"))
}

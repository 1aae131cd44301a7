package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"strings"
	"sync"
	"testing"

	"sse-typewriter/internal/testenv"
)

const (
	oneKey   = "CLIENTKEYCLIENTKEY1"
	otherKey = "CLIENTKEYCLIENTKEY2"
)

// witness is an upstream that keeps what it is asked. To a chat it answers with a stream,
// which stays open if it is told to.
type witness struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newWitness(t *testing.T) *witness {
	w := &witness{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		dump, err := httputil.DumpRequest(r, true)
		if err != nil {
			t.Error(err)
		}
		w.mu.Lock()
		w.seen = append(w.seen, string(dump))
		w.mu.Unlock()
		if r.URL.Path != "/v3/chat" {
			return
		}
		out.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(out, "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"x\"}\n\n")
		out.(http.Flusher).Flush()
		if strings.Contains(string(dump), "HOLD") {
			<-r.Context().Done()
		}
		_, _ = io.WriteString(out, "event:done\ndata:\"[DONE]\"\n\n")
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *witness) asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.seen...)
}

// However a path is written, it leads to nothing without a key, but for the pages, which
// are in the program and ask for one.
func TestNoWayAroundTheKeys(t *testing.T) {
	up := newWitness(t)
	base := start(t, "--upstream="+up.URL, "--bot-id=1", "--api-keys="+oneKey, "--upstream-token=SERVERTOKEN", "--cors-origins=https://page.example")
	host := strings.TrimPrefix(base, "http://")
	targets := []string{
		"*", "/x", "//x", "/healthz/../v3/chat", "/upstream", "/upstream/v3/chat", "/upstream/../v3/chat",
		"http://" + host + "/v3/chat", "http://other.invalid/v3/chat", "http://" + host + "//v3/chat", "HTTP://" + host + "/v1/x", "http:///v3/chat",
		"v3/chat", "/v3/chat?", "/v3/chat#", "/v3/chat;x", "/v3/chat?api_key=", "/v3/chat?lastEventId=x",
		"/ai/summarize?text=x", "/ai//summarize?text=x", "/typewriter/streams/aaaaaaaaaaaaaaaaaaaaaaaaaa", "/typewriter//streams/aaaaaaaaaaaaaaaaaaaaaaaaaa/skip",
		"/typewriter/streams/..%2f..%2fv3%2fchat", "/typewriter/streams/%2e%2e/../v3/chat",
	}
	for _, path := range []string{"/v3/chat", "/v1/bot/get_online_info", "/v1/workflows/chat", "/open_api/x"} {
		tail := path[1:]
		targets = append(targets, path, path+"/", "/"+path, "///"+tail, "/./"+tail, "/x/../"+tail, "/x/..%2f"+tail, "/%2e/"+tail,
			"/x/%2e%2e/"+tail, "/x%2f..%2f"+tail, "/%2f"+tail, "/.."+path, "/..;"+path, "/x/..;/"+tail, `/x\..\`+tail, "/"+strings.ReplaceAll(tail, "/", "%2f"),
			"/"+strings.ReplaceAll(tail, "/", "//"), "/"+strings.ReplaceAll(tail, "/", "/./"), "/"+strings.ReplaceAll(tail, "/", "/x/../"), "/"+strings.ToUpper(tail),
			"/%76"+tail[1:], "/%2576"+tail[1:], path+"%00", path+"%20", path+"/.", path+"/..", path+"/%2e%2e/x", "/\t"+tail, "/v3/../v3"+path)
	}
	bodies := map[string]string{
		"POST": "Content-Length: 2\r\n\r\n{}",
		"GET":  "\r\n", "HEAD": "\r\n", "PUT": "\r\n", "DELETE": "\r\n", "OPTIONS": "\r\n", "CONNECT": "\r\n", "get": "\r\n", "PROPFIND": "\r\n",
	}
	statuses := map[string]int{}
	for _, target := range targets {
		for method, body := range bodies {
			answer := raw(t, base, method+" "+target+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n"+body)
			status, _, _ := strings.Cut(strings.TrimPrefix(answer, "HTTP/1.1 "), " ")
			statuses[status]++
			switch status {
			case "400", "401", "404", "405", "":
			default:
				t.Errorf("%s %s: got %.300q", method, target, answer)
			}
		}
	}
	if seen := up.asked(); len(seen) != 0 {
		t.Errorf("upstream was asked %q", seen)
	}
	if statuses["401"] < 100 || statuses[""] != 0 {
		t.Errorf("the statuses are %v", statuses)
	}
	if status, _ := get(t, "POST", base+"//v3//chat", "Authorization", "Bearer "+oneKey); status != 200 || len(up.asked()) != 1 {
		t.Errorf("with a key: got %d", status)
	}
}

// Keys are in no log and go nowhere, in whichever way they come, and right or wrong; the
// server's token goes upstream instead.
func TestKeysStayHere(t *testing.T) {
	up := newWitness(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, "--addr=127.0.0.1:0", "--log-level=debug", "--bot-id=1", "--upstream", up.URL, "--rate-limit=5/m")
	cmd.Env = append(cmd.Env, "TYPEWRITER_UPSTREAM_TOKEN=SERVERTOKEN", "TYPEWRITER_API_KEYS="+oneKey+","+otherKey)
	var stderr testenv.Output
	cmd.Stderr = &stderr
	base := serving(t, cmd)
	served := map[int]int{}
	for _, path := range []string{"/v3/chat?q=1", "/ai/summarize?text=x", "/v1/x?q=1", "/typewriter/streams/x?q=1", "/v1/../x?q=1", "/nothing?q=1"} {
		for _, key := range []string{oneKey, otherKey, oneKey + "WRONG"} {
			for _, method := range []string{"GET", "POST", "PUT"} {
				for _, way := range [][2]string{{path + "&api_key=" + key, ""}, {path + "&api%5fkey=" + key, ""}, {path, "Bearer " + key}, {path, "bearer " + key}, {path, "Basic " + key}, {path, key}} {
					var header []string
					if way[1] != "" {
						header = []string{"Authorization", way[1]}
					}
					status, body := get(t, method, base+way[0], header...)
					served[status]++
					if strings.Contains(body, "CLIENTKEY") || strings.Contains(body, "SERVERTOKEN") {
						t.Errorf("%s %s: client got %q", method, way[0], body)
					}
				}
			}
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, status := range []int{200, 400, 401, 404, 405, 429} {
		if served[status] == 0 {
			t.Errorf("nothing was answered with %d: %v", status, served)
		}
	}
	if log := stderr.String(); !strings.Contains(log, "stream ended") || strings.Contains(log, "CLIENTKEY") || strings.Contains(log, "SERVERTOKEN") {
		t.Errorf("log is %s", log)
	}
	if len(up.asked()) < 5 {
		t.Errorf("upstream was asked %d times", len(up.asked()))
	}
	for _, request := range up.asked() {
		if strings.Contains(request, "CLIENTKEY") || !strings.Contains(request, "Authorization: Bearer SERVERTOKEN\r\n") {
			t.Errorf("upstream was asked %s", request)
		}
	}
}

// A token is not lent to everyone by mistake, and errors of the start tell no secret.
func TestSecretsOfTheStart(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"token for anyone", []string{"--addr=0.0.0.0:0", "--upstream-token=SECRET"}, "--allow-anonymous"},
		{"short key", []string{"--api-keys=CLIENTKEYCLIENTKEY1,SECRET"}, "key 2 is shorter than 16 bytes"},
		{"origin", []string{"--api-keys=CLIENTKEYCLIENTKEY1", "--cors-origins=page.example"}, `"page.example"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := command(t.Context(), test.args...).CombinedOutput()
			if got := string(out); err == nil || strings.Count(got, "\n") != 1 || !strings.Contains(got, test.want) ||
				strings.Contains(got, "SECRET") || strings.Contains(got, "CLIENTKEY") {
				t.Errorf("said %q, %v", got, err)
			}
		})
	}
}

// hold opens a stream that goes on until the test's end, or is refused.
func hold(t *testing.T, base, key string) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v3/chat", strings.NewReader(`{"stream":true,"x":"HOLD"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res.StatusCode
}

// Replicas that have a Redis in common hold a client to its streams together; one that is
// killed takes them with it for a while only.
func TestReplicasShareStreamLimits(t *testing.T) {
	server, up := testenv.StartRedis(t), newWitness(t)
	args := []string{
		"--upstream=" + up.URL, "--bot-id=1", "--store=" + server.URL(), "--api-keys=" + oneKey + "," + otherKey, "--max-streams-per-client=2",
	}
	a, b := startReplica(t, args...), startReplica(t, args...)
	for i, base := range []string{a.base, b.base} {
		if status := hold(t, base, oneKey); status != 200 {
			t.Errorf("stream %d: got %d", i, status)
		}
	}
	for _, base := range []string{a.base, b.base} {
		if status := hold(t, base, oneKey); status != 429 {
			t.Errorf("one more: got %d", status)
		}
		if status := hold(t, base, otherKey); status != 200 {
			t.Errorf("another client: got %d", status)
		}
	}
	a.kill()
	testenv.Eventually(t, "a place of the killed replica's", func() bool {
		return hold(t, b.base, oneKey) == 200
	})
	if status := hold(t, b.base, oneKey); status != 429 {
		t.Errorf("and one more: got %d", status)
	}
}

// So they hold it to its rate.
func TestReplicasShareRates(t *testing.T) {
	server, up := testenv.StartRedis(t), newWitness(t)
	args := []string{"--upstream=" + up.URL, "--store=" + server.URL(), "--rate-limit=4/m"}
	bases := []string{startReplica(t, args...).base, startReplica(t, args...).base}
	statuses := map[int]int{}
	for i := range 20 {
		status, _ := get(t, "GET", bases[i%2]+"/v1/x")
		statuses[status]++
	}
	if n := statuses[200]; n < 4 || n > 6 || n+statuses[429] != 20 { // more than 4 if it takes long
		t.Errorf("got %v", statuses)
	}
	server.Kill()
	if status, _ := get(t, "GET", bases[0]+"/v1/x"); status != 200 { // its own limit begins
		t.Errorf("without Redis: got %d", status)
	}
}

// A client is known by its address, which a proxy tells that is trusted.
func TestLimitsByAddress(t *testing.T) {
	up := newWitness(t)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"nobody is trusted", nil, "200 429 429"},
		{"the proxy is", []string{"--trusted-proxies=127.0.0.0/8"}, "200 200 429"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := start(t, append(test.args, "--upstream="+up.URL, "--rate-limit=1/m")...)
			var got []string
			for _, client := range []string{"203.0.113.1", "203.0.113.2", "198.51.100.1, 203.0.113.1"} {
				status, _ := get(t, "GET", base+"/v1/x", "X-Forwarded-For", client)
				got = append(got, fmt.Sprint(status))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}

// A header, or a target, that is too large is refused and takes no memory.
func TestHeadersAreBounded(t *testing.T) {
	up := newWitness(t)
	base, peak := startProcess(t, "--upstream="+up.URL, "--bot-id=1")
	get(t, "GET", base+"/nothing")
	before := peak()
	for _, test := range []struct{ name, begin, more, end string }{
		{"header", "GET /v3/chat HTTP/1.1\r\nHost: x\r\nX: ", "x", "\r\n\r\n"},
		{"headers", "GET /v3/chat HTTP/1.1\r\nHost: x\r\n", "X: yyy\r\n", "\r\n"},
		{"query", "GET /v3/chat?message=", "x", " HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"path", "GET /", "x", " HTTP/1.1\r\nHost: x\r\n\r\n"},
	} {
		piece := strings.Repeat(test.more, 8<<10/len(test.more))
		for _, size := range []int{72 << 10, 1 << 20, 64 << 20} {
			conn := dial(t, base)
			_, err := io.WriteString(conn, test.begin)
			for sent := 0; sent < size && err == nil; sent += len(piece) { // until it is closed
				_, err = io.WriteString(conn, piece)
			}
			_, _ = io.WriteString(conn, test.end)
			answer, _ := io.ReadAll(conn)
			conn.Close()
			if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 4") {
				t.Errorf("%s of %d bytes: got %.200q", test.name, size, answer)
			}
			t.Logf("%s of %d bytes: %.40q", test.name, size, answer)
		}
	}
	if len(up.asked()) != 0 {
		t.Errorf("upstream was asked %.300q", up.asked())
	}
	if grown := peak() - before; grown > 48<<20 {
		t.Errorf("memory has grown by %d MiB", grown>>20)
	}
	if status, _ := get(t, "GET", base+"/v3/chat?message="+strings.Repeat("x", 48<<10)); status != 200 {
		t.Errorf("a long question: got %d", status)
	}
}

// Who has no key is told so, though most of the body does not come.
func TestRefusedBodyIsNotWaitedFor(t *testing.T) {
	up := newWitness(t)
	base := start(t, "--upstream="+up.URL, "--api-keys="+oneKey)
	conn := dial(t, base)
	defer conn.Close()
	_, err := io.WriteString(conn, "POST /v3/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 2*(64<<10)))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn) // the rest never comes
	if !strings.HasPrefix(string(answer), "HTTP/1.1 401 ") || err != nil {
		t.Errorf("got %.200q, %v", answer, err)
	}
}

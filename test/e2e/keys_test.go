package e2e

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sse-typewriter/internal/testenv"
)

const (
	oneKey   = "CLIENTKEYCLIENTKEY1"
	otherKey = "CLIENTKEYCLIENTKEY2"
)

// recordingUpstream is an upstream that keeps the requests it gets. It answers a chat
// with a stream, which stays open if the request contains "HOLD".
type recordingUpstream struct {
	*httptest.Server
	mu   sync.Mutex
	dump []string
}

func newRecordingUpstream(t *testing.T) *recordingUpstream {
	w := &recordingUpstream{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		dump, err := httputil.DumpRequest(r, true)
		if err != nil {
			t.Error(err)
		}
		w.mu.Lock()
		w.dump = append(w.dump, string(dump))
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

// requests returns the requests so far, as they came over the wire.
func (w *recordingUpstream) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dump)
}

// No spelling of a path and no method gets around the keys.
func TestKeysCannotBeBypassed(t *testing.T) {
	t.Parallel()
	up := newRecordingUpstream(t)
	base := testenv.Start(t, "--upstream="+up.URL, "--api-keys="+oneKey, "--upstream-token=SERVERTOKEN", "--cors-origins=https://page.example").Base
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
			answer := sendBytes(t, base, method+" "+target+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n"+body)
			status, _, _ := strings.Cut(strings.TrimPrefix(answer, "HTTP/1.1 "), " ")
			statuses[status]++
			switch status {
			case "400", "401", "404", "405", "":
			default:
				t.Errorf("%s %s: got %.300q", method, target, answer)
			}
		}
	}
	if got := up.requests(); len(got) != 0 {
		t.Errorf("upstream got %q", got)
	}
	if statuses["401"] < 100 || statuses[""] != 0 {
		t.Errorf("the statuses are %v", statuses)
	}
	if status, _ := send(t, "POST", base+"//v3//chat", "Authorization", "Bearer "+oneKey); status != 200 || len(up.requests()) != 1 {
		t.Errorf("with a key: got %d", status)
	}
}

// Keys, valid or not and wherever in a request, are neither logged nor forwarded. The
// server's token goes upstream instead.
func TestKeysAreNotForwarded(t *testing.T) {
	t.Parallel()
	up := newRecordingUpstream(t)
	cmd := testenv.Command(context.WithoutCancel(t.Context()), t, "--addr=127.0.0.1:0", "--bot-id=1", "--log-level=debug", "--upstream", up.URL, "--rate-limit=10/m")
	cmd.Env = append(cmd.Env, "TYPEWRITER_UPSTREAM_TOKEN=SERVERTOKEN", "TYPEWRITER_API_KEYS="+oneKey+","+otherKey)
	p := testenv.StartCommand(t, cmd)
	statuses := map[int]int{}
	for _, path := range []string{"/v3/chat?q=1", "/ai/summarize?text=x", "/v1/x?q=1", "/typewriter/streams/x?q=1", "/v1/../x?q=1", "/ai/nothing?q=1"} {
		for _, key := range []string{oneKey, otherKey, oneKey + "WRONG"} {
			for _, method := range []string{"GET", "POST", "PUT"} {
				for _, way := range [][]string{
					{"&api_key=" + key},
					{"&api%5fkey=" + key},
					{"&key=" + key},
					{"&k%65y=" + key},
					{"", "Authorization", "Bearer " + key},
					{"", "Authorization", "bearer " + key},
					{"", "Authorization", "Basic " + key},
					{"", "Authorization", key},
					{"", "x-api-key", key},
					{"", "x-goog-api-key", key},
					{"", "api-key", key},
				} {
					status, body := send(t, method, p.Base+path+way[0], way[1:]...)
					statuses[status]++
					if strings.Contains(body, "CLIENTKEY") || strings.Contains(body, "SERVERTOKEN") {
						t.Errorf("%s %s%s: client got %q", method, path, way[0], body)
					}
				}
			}
		}
	}
	p.Signal(syscall.SIGINT)
	p.Stop(t)
	for _, status := range []int{200, 400, 401, 404, 405, 429} {
		if statuses[status] == 0 {
			t.Errorf("nothing was answered with %d: %v", status, statuses)
		}
	}
	if log := p.Log.String(); !strings.Contains(log, "stream ended") || strings.Contains(log, "CLIENTKEY") || strings.Contains(log, "SERVERTOKEN") {
		t.Errorf("log is %s", log)
	}
	if len(up.requests()) < 10 {
		t.Errorf("upstream got %d requests", len(up.requests()))
	}
	for _, request := range up.requests() {
		if strings.Contains(request, "CLIENTKEY") || !strings.Contains(request, "Authorization: Bearer SERVERTOKEN\r\n") {
			t.Errorf("upstream got %s", request)
		}
	}
}

// A request without a key is refused before its body has arrived.
func TestRefusalBeforeTheBody(t *testing.T) {
	t.Parallel()
	up := newRecordingUpstream(t)
	base := testenv.Start(t, "--upstream="+up.URL, "--api-keys="+oneKey).Base
	conn := dial(t, base)
	defer conn.Close()
	_, err := io.WriteString(conn, "POST /v3/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 2*(64<<10)))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn) // the rest never comes
	if !strings.HasPrefix(string(answer), "HTTP/1.1 401 ") || err != nil {
		t.Errorf("got %.200q, %v", answer, err)
	}
}

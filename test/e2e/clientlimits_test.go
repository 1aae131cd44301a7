package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// openStream opens a stream that lasts until the end of the test, unless the server
// refuses it.
func openStream(t *testing.T, base, key string) (status int) {
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

// Replicas that share a Redis enforce a client's stream limit together. The streams of a
// replica that was killed stop counting after a while.
func TestReplicasShareStreamLimits(t *testing.T) {
	t.Parallel()
	server, up := testenv.StartRedis(t), newRecordingUpstream(t)
	args := []string{
		"--upstream=" + up.URL, "--store=" + server.URL(), "--api-keys=" + oneKey + "," + otherKey, "--max-streams-per-client=2",
	}
	a, b := testenv.Start(t, args...), testenv.Start(t, args...)
	for i, base := range []string{a.Base, b.Base} {
		if status := openStream(t, base, oneKey); status != 200 {
			t.Errorf("stream %d: got %d", i, status)
		}
	}
	for _, base := range []string{a.Base, b.Base} {
		if status := openStream(t, base, oneKey); status != 429 {
			t.Errorf("one more: got %d", status)
		}
		if status := openStream(t, base, otherKey); status != 200 {
			t.Errorf("another client: got %d", status)
		}
	}
	a.Kill()
	testenv.Eventually(t, "the killed replica's streams no longer count", func() bool {
		return openStream(t, b.Base, oneKey) == 200
	})
	if status := openStream(t, b.Base, oneKey); status != 429 {
		t.Errorf("and one more: got %d", status)
	}
}

// Replicas that share a Redis enforce a client's rate limit together.
func TestReplicasShareRates(t *testing.T) {
	t.Parallel()
	server, up := testenv.StartRedis(t), newRecordingUpstream(t)
	args := []string{"--upstream=" + up.URL, "--store=" + server.URL(), "--rate-limit=4/m"}
	bases := []string{testenv.Start(t, args...).Base, testenv.Start(t, args...).Base}
	statuses := map[int]int{}
	for i := range 20 {
		status, _ := send(t, "GET", bases[i%2]+"/v1/x")
		statuses[status]++
	}
	if n := statuses[200]; n < 4 || n > 6 || n+statuses[429] != 20 { // more than 4 if the loop takes longer than 15 s
		t.Errorf("got %v", statuses)
	}
	server.Kill()
	if status, _ := send(t, "GET", bases[0]+"/v1/x"); status != 200 { // the replica's own limit begins
		t.Errorf("without Redis: got %d", status)
	}
}

// A client without a key is identified by its address, which a trusted proxy reports.
func TestLimitsByAddress(t *testing.T) {
	t.Parallel()
	up := newRecordingUpstream(t)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no trusted proxy", nil, "200 429 429"},
		{"trusted proxy", []string{"--trusted-proxies=127.0.0.0/8"}, "200 200 429"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := testenv.Start(t, append(test.args, "--upstream="+up.URL, "--rate-limit=1/m")...).Base
			var got []string
			for _, client := range []string{"203.0.113.1", "203.0.113.2", "198.51.100.1, 203.0.113.1"} {
				status, _ := send(t, "GET", base+"/v1/x", "X-Forwarded-For", client)
				got = append(got, fmt.Sprint(status))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}

// A header or target that is too large is refused and not kept in memory.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	up := newRecordingUpstream(t)
	p := testenv.Start(t, "--upstream="+up.URL)
	send(t, "GET", p.Base+"/ai/nothing")
	_, before := p.Memory(t)
	for _, test := range []struct{ name, begin, more, end string }{
		{"header", "GET /v3/chat HTTP/1.1\r\nHost: localhost\r\nX: ", "x", "\r\n\r\n"},
		{"headers", "GET /v3/chat HTTP/1.1\r\nHost: localhost\r\n", "X: yyy\r\n", "\r\n"},
		{"query", "GET /v3/chat?message=", "x", " HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"path", "GET /", "x", " HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	} {
		piece := strings.Repeat(test.more, 8<<10/len(test.more))
		for _, size := range []int{72 << 10, 1 << 20, 64 << 20} {
			conn := dial(t, p.Base)
			_, err := io.WriteString(conn, test.begin)
			for sent := 0; sent < size && err == nil; sent += len(piece) { // until the server closes the connection
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
	if len(up.requests()) != 0 {
		t.Errorf("upstream got %.300q", up.requests())
	}
	if _, peak := p.Memory(t); peak-before > 48<<20 {
		t.Errorf("memory has grown by %d MiB", (peak-before)>>20)
	}
	if status, _ := send(t, "GET", p.Base+"/v3/chat?message="+strings.Repeat("x", 48<<10)); status != 200 {
		t.Errorf("a long question: got %d", status)
	}
}

package proxy

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// The latency that nginx adds to the first event is printed, not judged. The test runs
// before the parallel tests.
func TestFirstEventLatency(t *testing.T) {
	const chats = 50
	u := newUpstream(t, func(c *chat) {
		c.say("一")
		c.end()
	}, nil)
	s := testenv.Start(t, "--upstream="+u.URL)
	n := startNginx(t, s)
	took := map[string][]time.Duration{}
	for range chats {
		for _, base := range []string{s.Base, n.base} {
			began := time.Now()
			res := sendRequest(t, http.DefaultClient, http.MethodPost, base+"/v3/chat?mode=raw", "")
			lines := bufio.NewReader(res.Body)
			readTo(t, lines, "data:")
			took[base] = append(took[base], time.Since(began))
			if _, err := io.Copy(io.Discard, lines); err != nil { // so that the connection is used again
				t.Error(err)
			}
			_ = res.Body.Close() // it was read
		}
	}
	for _, of := range took {
		slices.Sort(of)
	}
	median := func(base string) time.Duration { return took[base][chats/2] }
	p90 := func(base string) time.Duration { return took[base][chats*9/10] }
	t.Logf("first event of %d chats: direct p50 %v p90 %v, through nginx p50 %v p90 %v, ratio of p50 %.2f, of p90 %.2f",
		chats, median(s.Base), p90(s.Base), median(n.base), p90(n.base),
		float64(median(n.base))/float64(median(s.Base)), float64(p90(n.base))/float64(p90(s.Base)))
}

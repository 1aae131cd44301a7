package proxy

import (
	"net/http"
	"slices"
	"testing"

	"sse-typewriter/internal/testenv"
)

// A replica is killed in mid-answer: the pages reconnect through the proxy to the other
// replica, which completes the answers exactly, from Redis and the AI service.
func TestReplicaCrash(t *testing.T) {
	t.Parallel()
	for _, front := range behindTwo {
		t.Run(front.name, func(t *testing.T) {
			t.Parallel()
			redis, standIn := testenv.StartRedis(t), testenv.Start(t)
			args := []string{"--upstream=" + standIn.Base + "/upstream", "--store=" + redis.URL()}
			one, other := testenv.Start(t, args...), testenv.Start(t, args...)
			base := front.start(t, one, other)
			whole := &eventSource{ids: map[string]bool{}}
			res := sendRequest(t, http.DefaultClient, http.MethodGet, standIn.Base+"/v3/chat?message=诗&mode=raw", "")
			defer res.Body.Close()
			whole.read(res.Body)

			pages := make([]*eventSource, 8)
			ends := make([]<-chan error, len(pages))
			for i := range pages {
				pages[i], ends[i] = open(t, base, "诗", "")
			}
			testenv.Eventually(t, "all pages have got something", func() bool {
				return !slices.ContainsFunc(pages, func(b *eventSource) bool { return b.connections() == 0 })
			})
			one.Kill()
			cut := 0
			for i, page := range pages {
				if err := testenv.Receive(t, "a page ends", ends[i]); err != nil {
					t.Fatal(err)
				}
				if page.received() != whole.received() || len(page.repeated) > 0 {
					t.Errorf("page %d got %q, twice %q, want %q", i, page.received(), page.repeated, whole.received())
				}
				if page.responses() > 2 {
					cut++
				}
			}
			if cut == 0 {
				t.Error("no page was cut")
			}
		})
	}
}

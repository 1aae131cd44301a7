package handler

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
)

// seen is an event with its id.
type seen struct {
	id string
	event
}

// readIDs reads a stream whose events have ids.
func readIDs(t *testing.T, stream string) (events []seen) {
	t.Helper()
	for block := range strings.SplitSeq(strings.Trim(stream, "\n"), "\n\n") {
		if !strings.Contains(block, "data:") {
			continue // a heartbeat, or the id of the beginning
		}
		var e seen
		for line := range strings.SplitSeq(strings.Trim(block, "\n"), "\n") {
			name, value, _ := strings.Cut(line, ":")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			}
		}
		if e.id == "" {
			t.Fatalf("no id in %q", block)
		}
		events = append(events, e)
	}
	return events
}

// lastIDOf returns the last id of a stream, like a browser also from an id without an
// event.
func lastIDOf(stream string) (last string) {
	for line := range strings.SplitSeq(stream, "\n") {
		if id, ok := strings.CutPrefix(line, "id:"); ok {
			last = id
		}
	}
	return last
}

// plain takes the ids away.
func plain(events []seen) (without []event) {
	for _, e := range events {
		without = append(without, e.event)
	}
	return without
}

func getChat(message, query string) request {
	return request{method: "GET", url: "/v3/chat?message=" + url.QueryEscape(message) + query}
}

func resumed(last, query string) request {
	return request{method: "GET", url: "/v3/chat?x=1" + query, header: map[string]string{"Last-Event-ID": last}}
}

// Each scenario is resumed after each event: nothing is repeated, nothing lost.
func TestResumeAfterEveryEvent(t *testing.T) {
	for _, scenario := range cozemock.Scenarios() {
		t.Run(scenario.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, mock.New(3, cozemock.New()), func(_ *Options, s *streams.Options) { s.Retention = 24 * time.Hour })
				whole := server.serve(t.Context(), t, getChat("/"+scenario.Name, ""))
				if !strings.HasPrefix(whole.header("Content-Type"), "text/event-stream") {
					return
				}
				events := readIDs(t, whole.text())
				want := restOf(events)
				for i, e := range events {
					query := "&mode=raw"
					if i%29 == 0 {
						query = "&mode=typewriter"
					}
					rest := server.serve(t.Context(), t, resumed(e.id, query))
					if i == len(events)-1 {
						if rest.status != http.StatusNoContent || rest.header("Typewriter-Resume") != "finished" {
							t.Errorf("after the last event: got %d", rest.status)
						}
						break
					}
					checkRest(t, e.id, mergeDeltas(plain(readIDs(t, rest.text()))), want(i))
				}
			})
		})
	}
}

// checkRest compares the events received after a break with the rest of the whole stream.
// The first event may be the second half of a broken text.
func checkRest(t *testing.T, last string, got, want []mergedEvent) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			none := mergedEvent{rest: "none"}
			t.Fatalf("after %s: event %d of %d is %.900s, want %.900s of %d", last, i, len(got),
				append(got, none)[min(i, len(got))].String(), append(want, none)[min(i, len(want))].String(), len(want))
		}
	}
}

// restOf returns the merged events of a stream after each event.
func restOf(events []seen) func(i int) []mergedEvent {
	whole := mergeDeltas(plain(events))
	at, offset := make([]int, len(events)), make([]int, len(events)) // where event i ends
	for i, n, o := 0, 0, 0; i < len(events); i++ {
		_, text, _ := separateText(events[i].event)
		if o += len(text); o == len(whole[n].text) {
			n, o = n+1, 0
		}
		at[i], offset[i] = n, o
	}
	return func(i int) []mergedEvent {
		rest := slices.Clone(whole[at[i]:])
		if offset[i] > 0 {
			rest[0].text = rest[0].text[offset[i]:]
		}
		return rest
	}
}

// The connection breaks again and again while the answer is being typed, and the
// text goes on at the very next character.
func TestReconnectAgainAndAgain(t *testing.T) {
	for _, scenario := range []string{"reasoning", "surrogates", "dumps", "stall", "messages", "unknown"} {
		t.Run(scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chats := 0
				standIn := mock.New(3, cozemock.New())
				_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
					chats++
					return standIn.RoundTrip(r)
				}))
				r := getChat("/"+scenario, "")
				var got []seen
				last := ""
				for broken := 0; ; broken++ {
					ctx, cancel := context.WithCancel(t.Context())
					r.received = func(a answer) {
						if strings.Count(a.text(), "\n\n") >= 1+broken%7 {
							cancel()
						}
					}
					a := server.serve(ctx, t, r)
					cancel()
					if a.status == http.StatusNoContent {
						break
					}
					got = append(got, readIDs(t, a.text())...)
					last = lastIDOf(a.text())
					r = resumed(last, "")
					time.Sleep(time.Duration(broken%3) * 300 * time.Millisecond)
				}
				if chats != 1 {
					t.Errorf("%d chats were started", chats)
				}
				id, _, _ := strings.Cut(last, ":")
				whole := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id + "?mode=raw"})
				checkRest(t, last, mergeDeltas(plain(got)), mergeDeltas(plain(readIDs(t, whole.text()))))
			})
		})
	}
}

// Each viewer has a separate pace and may attach at any time.
func TestSeveralViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(3, cozemock.New()))
		at := streamsPath + startAsync(t, server, "/reasoning")
		answers := make([][]string, 4)
		done := make(chan struct{})
		for i, query := range []string{"?mode=raw", "?speed=2", "?max_lag=500ms", "?mode=smooth"} {
			go func() {
				defer func() { done <- struct{}{} }()
				time.Sleep(time.Duration(i) * time.Second)
				a := server.serve(t.Context(), t, request{method: "GET", url: at + query})
				answers[i] = normalize(plain(readIDs(t, a.text())))
			}()
		}
		for range answers {
			<-done
		}
		for i := range answers {
			if !slices.Equal(answers[i], answers[0]) {
				t.Errorf("viewer %d saw other events than the first", i)
			}
		}
	})
}

// A stream without a viewer goes on for the grace, and is kept for the retention.
func TestGraceAndRetention(t *testing.T) {
	for _, test := range []struct {
		name   string
		away   time.Duration
		status int
		closed bool // the upstream, while the client was away
	}{
		{"back within the grace", 29 * time.Second, 200, false},
		{"back after the grace", 31 * time.Second, 200, true}, // what was recorded is there
		{"back after the retention", 31*time.Second + 5*time.Minute, 204, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var closed atomic.Bool
				_, server := newTestHandler(t, streaming(func() { closed.Store(true) }, part{0, deltaAB}, part{100 * time.Second, done}))
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				a := server.serve(ctx, t, getChat("x", ""))
				time.Sleep(test.away)
				if closed.Load() != test.closed {
					t.Errorf("upstream closed: %v", closed.Load())
				}
				back := server.serve(t.Context(), t, resumed(readIDs(t, a.text())[0].id, ""))
				if back.status != test.status {
					t.Fatalf("got %d %s", back.status, back.header("Typewriter-Resume"))
				}
				if test.status == 200 && readIDs(t, back.text())[0].data != `{"id":"1","content":"b"}` {
					t.Errorf("goes on with %q", back.text())
				}
			})
		})
	}
}

// startAsync starts a chat without a reader and returns the stream's id.
func startAsync(t *testing.T, server *testServer, message string) string {
	t.Helper()
	a := server.serve(t.Context(), t, request{
		method: "POST", url: "/v3/chat", body: question(message).body, header: map[string]string{"Prefer": "wait=1, respond-async"},
	})
	id := gjson.Get(a.body, "stream").Str
	if a.status != http.StatusAccepted || a.header("Location") != streamsPath+id || gjson.Get(a.body, "url").Str != streamsPath+id {
		t.Fatalf("got %d %s, Location %q", a.status, a.body, a.header("Location"))
	}
	return id
}

// For other credentials than the opener's, a stream does not exist.
func TestOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(3, cozemock.New()))
		mine := map[string]string{"Authorization": "Bearer mine"}
		r := getChat("hello", "&mode=raw")
		r.header = mine
		a := server.serve(t.Context(), t, r)
		id := a.header("Typewriter-Stream")
		for owner, want := range map[string]int{"Bearer mine": 200, "Bearer other": 204, "": 204} {
			r := request{method: "GET", url: streamsPath + id + "?mode=raw", header: map[string]string{}}
			if owner != "" {
				r.header["Authorization"] = owner
			}
			got := server.serve(t.Context(), t, r)
			if got.status != want || want == 204 && got.header("Typewriter-Resume") != "gone" {
				t.Errorf("%q: got %d", owner, got.status)
			}
		}
		for _, r := range []request{{method: "DELETE", url: streamsPath + id}, {method: "POST", url: streamsPath + id + "/skip"}} {
			if got := server.serve(t.Context(), t, r); got.status != http.StatusNotFound {
				t.Errorf("%s: got %d", r.method, got.status)
			}
		}
	})
}

func TestMalformedIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(3, cozemock.New()))
		a := server.serve(t.Context(), t, getChat("/escapes", "&mode=raw"))
		id := a.header("Typewriter-Stream")
		for last, want := range map[string]int{
			"x": 400, "x:1.0": 400, id: 400, id + ":": 400, id + ":1": 400, id + ":-1.0": 400, id + ":01.0": 400, id + ":1.0.0": 400,
			id + ":0.1": 400, id + ":99999.0": 400, id + ":99999999999999999999.0": 400, strings.ToUpper(id) + ":1.0": 400,
			id + ":3.1": 400, // inside an escape
			id + ":1.0": 200, strings.Repeat("a", 26) + ":1.0": 204, fmt.Sprint(id, ":0.0"): 200,
		} {
			if got := server.serve(t.Context(), t, resumed(last, "&mode=raw")); got.status != want {
				t.Errorf("%q: got %d %s, want %d", last, got.status, got.body, want)
			}
		}
		if got := server.serve(t.Context(), t, request{
			method: "GET", url: streamsPath + strings.Repeat("a", 26) + "?lastEventId=" + id + ":1.0",
		}); got.status != http.StatusBadRequest {
			t.Errorf("another stream's id: got %d", got.status)
		}
	})
}

// A fetch client resumes by POST. Without event ids a POST opens a new chat.
func TestResumeByPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chats := 0
		standIn := mock.New(3, cozemock.New())
		_, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			chats++
			return standIn.RoundTrip(r)
		}))
		r := question("hello")
		r.header = map[string]string{"Typewriter-Event-Ids": "on", "Typewriter-Mode": "raw"}
		whole := server.serve(t.Context(), t, r)
		events := readIDs(t, whole.text())
		r.header["Last-Event-ID"] = events[4].id
		rest := server.serve(t.Context(), t, r)
		checkRest(t, events[4].id, mergeDeltas(plain(readIDs(t, rest.text()))), restOf(events)(4))
		if chats != 1 {
			t.Errorf("%d chats were started", chats)
		}
		delete(r.header, "Typewriter-Event-Ids")
		server.serve(t.Context(), t, r)
		if chats != 2 {
			t.Errorf("%d chats were started", chats)
		}
	})
}

// A stream beyond the memory bound ends with an error.
func TestAnswerLargerThanTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, mock.New(3, cozemock.New()), func(_ *Options, s *streams.Options) { s.MaxBytes = 100 << 10 })
		a := server.serve(t.Context(), t, getChat("/long-line", "&mode=raw"))
		want := `{"code":5025,"msg":"answer is larger than this server keeps"}`
		if events := readIDs(t, a.text()); events[len(events)-1].event != (event{"error", want}) {
			t.Errorf("ends with %.200q", events[len(events)-1])
		}
		_ = h.lifecycle.inflight.Wait(t.Context())
		b := server.serve(t.Context(), t, getChat("hello", "&mode=raw"))
		if !strings.Contains(b.text(), "event:done") {
			t.Errorf("then: %.300q", b.text())
		}
	})
}

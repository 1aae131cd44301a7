package handler

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/streams"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Skip sends the backlog at once, for every viewer, and later text on arrival.
func TestSkip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const long = "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"abcdefghij\"}\n\n"
		_, server := newTestHandler(t, streaming(nil, part{0, long}, part{time.Second, long}, part{time.Second, done}))
		ended := make(chan answer)
		id := startAsync(t, server, "x")
		go func() {
			a := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id})
			ended <- a
		}()
		time.Sleep(250 * time.Millisecond)
		if a := server.serve(t.Context(), t, request{method: "POST", url: streamsPath + id + "/skip"}); a.status != http.StatusNoContent {
			t.Errorf("got %d %s", a.status, a.body)
		}
		a := <-ended
		want := []string{"0 a", "100 b", "200 c", "250 defghij", "1000 abcdefghij", `2000 "[DONE]"`}
		if got := times(t, a); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

// The owner can skip and stop a running stream without ids, but no other request can read
// the stream.
func TestSkipAndStopWithoutIDs(t *testing.T) {
	for _, test := range []struct {
		name, method, path string
		want               []string
	}{
		{"skip", "POST", "/skip", []string{"0 a", "50 b", `1000 "[DONE]"`}},
		{"stop", "DELETE", "", []string{"0 a", "50 b", `50 "[DONE]"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, server := newTestHandler(t, streaming(nil, part{0, deltaAB}, part{time.Second, done}))
				var stream answer
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					server.serveTo(t.Context(), t, post("{}"), &stream)
				}()
				time.Sleep(50 * time.Millisecond)
				synctest.Wait()
				at := streamsPath + stream.header("Typewriter-Stream")
				ask := func(method, path, authorization string, status int) {
					t.Helper()
					r := request{method: method, url: path, header: map[string]string{"Authorization": authorization}}
					if a := server.serve(t.Context(), t, r); a.status != status {
						t.Errorf("%s %s: got %d %s, want %d", method, path, a.status, a.body, status)
					}
				}
				ask("GET", at, "", 204)
				ask(test.method, at+test.path, "Bearer another's", 404)
				ask(test.method, at+test.path, "", 204)
				<-ended
				if got := times(t, stream); !slices.Equal(got, test.want) {
					t.Errorf("got %q, want %q", got, test.want)
				}
				ask(test.method, at+test.path, "", 404)
				_ = h.lifecycle.inflight.Wait(t.Context())
			})
		})
	}
}

// Stop cancels the chat at the upstream and ends every view in order.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, streaming(nil, part{0, deltaAB}, part{time.Hour, done}))
		answers := make(chan answer)
		id := startAsync(t, server, "x")
		for range 2 {
			go func() {
				a := server.serve(t.Context(), t, request{method: "GET", url: streamsPath + id})
				answers <- a
			}()
			time.Sleep(25 * time.Millisecond)
		}
		if a := server.serve(t.Context(), t, request{method: "DELETE", url: streamsPath + id}); a.status != http.StatusNoContent {
			t.Errorf("got %d %s", a.status, a.body)
		}
		for range 2 {
			a := <-answers
			if got := times(t, a); !slices.Equal(got, []string{"0 a", "50 b", `50 "[DONE]"`}) && !slices.Equal(got, []string{"0 a", "25 b", `25 "[DONE]"`}) {
				t.Errorf("got %q", got)
			}
		}
		_ = h.lifecycle.inflight.Wait(t.Context())
	})
}

// Stop tells the upstream's API, with the client's credentials.
func TestStopCancelsTheChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var canceled []string
		standIn := mock.New(3, cozemock.New())
		h, server := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/v3/chat/cancel" {
				body, _ := io.ReadAll(r.Body)
				canceled = append(canceled, r.Header.Get("Authorization")+" "+string(body))
				r.Body = io.NopCloser(strings.NewReader(string(body)))
			}
			return standIn.RoundTrip(r)
		}))
		r := question("/slow")
		r.header = map[string]string{"Authorization": "Bearer mine", "Prefer": "respond-async"}
		a := server.serve(t.Context(), t, r)
		time.Sleep(5 * time.Second)
		at := request{method: "GET", url: a.header("Location") + "?mode=raw", header: map[string]string{"Authorization": "Bearer mine"}}
		stop := at
		stop.method = "DELETE"
		server.serve(t.Context(), t, stop)
		_ = h.lifecycle.inflight.Wait(t.Context())
		seen := server.serve(t.Context(), t, at)
		events := readIDs(t, seen.text())
		chat := gjson.Parse(events[0].data)
		want := fmt.Sprintf(`Bearer mine {"conversation_id":%q,"chat_id":%q}`, chat.Get("conversation_id").Str, chat.Get("id").Str)
		if !slices.Equal(canceled, []string{want}) {
			t.Errorf("canceled %q, want %q", canceled, want)
		}
		if last := events[len(events)-1]; last.event != (event{"done", `"[DONE]"`}) {
			t.Errorf("ends with %q", last)
		}
	})
}

// A chat is cancelled even after a takeover from a lost replica.
func TestStopAfterTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		h, _ := newTestHandler(t, testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			asked = append(asked, r.Header.Get("Authorization")+" "+r.URL.Path+" "+string(body))
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
		}))
		created := typewriter.Event{Frame: &typewriter.Frame{
			Name: "conversation.chat.created", Head: `{"id":"1","conversation_id":"2","status":"created"}`,
		}}
		header := func(*Upstream, *upstream.Format) http.Header { return http.Header{"Authorization": {"Bearer mine"}} }
		_, source := h.recorder.proceed(t.Context(), header, streams.Origin{Format: "coze"}, slices.Values([]typewriter.Event{created}))
		source.Cancel(t.Context())
		if want := `Bearer mine /v3/chat/cancel {"conversation_id":"2","chat_id":"1"}`; !slices.Equal(asked, []string{want}) {
			t.Errorf("upstream was asked %q, want %q", asked, want)
		}
	})
}

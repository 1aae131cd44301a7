package coze

import (
	"bytes"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// A cut stream has the events of a complete stream: the same events in the same order, each
// text in full. The stream ends at the first poll after the end of the chat.
func TestCutStreamsAreWhole(t *testing.T) {
	for _, scenario := range []string{"cut", "cut-early", "no-done"} {
		t.Run(scenario, func(t *testing.T) {
			var want, stub, got []timed
			var failure *upstream.Error
			// crlf is the same chat without a cut.
			synctest.Test(t, func(t *testing.T) {
				want, failure = listen(t.Context(), t, upstream.NewClient("http://standin", mock.New(7, cozemock.New())), chatOf("crlf"))
			})
			if failure != nil {
				t.Fatal(failure)
			}
			synctest.Test(t, func(t *testing.T) {
				client := upstream.NewClient("http://standin", mock.New(7, cozemock.New()))
				client.RecoveryTimeout = 0
				stub, failure = listen(t.Context(), t, client, chatOf(scenario))
			})
			if reason(failure) != "cut" {
				t.Fatalf("without recovery: got %v, want it cut", failure)
			}
			synctest.Test(t, func(t *testing.T) {
				got, failure = listen(t.Context(), t, upstream.NewClient("http://standin", mock.New(7, cozemock.New())), chatOf(scenario))
			})
			if d := differ(joined(got), joined(want)); failure != nil || d != "" {
				t.Fatalf("got %v: %s", failure, d)
			}
			cut, over := stub[len(stub)-1].at, want[len(want)-2].at
			polls := delays(50)
			i := slices.IndexFunc(polls, func(after time.Duration) bool { return cut+after >= over })
			if at := got[len(got)-1].at; at != cut+polls[i] {
				t.Errorf("cut at %v and over at %v: got the end at %v, want %v", cut, over, at, cut+polls[i])
			}
			for i, e := range stub[:len(stub)-1] {
				if got[i].Frame.Head != e.Frame.Head || got[i].Text != e.Text || got[i].at != e.at {
					t.Fatalf("event %d before the cut is %v, want %v", i, got[i], e)
				}
			}
		})
	}
}

// cuts are the places where a recorded stream is cut: after every event, and within
// some.
func cuts(stream []byte) []int {
	all := []int{}
	for at := 0; ; {
		i := bytes.Index(stream[at:], []byte("\n\n"))
		if i < 0 {
			return all
		}
		all = append(all, at+i+2)
		for _, within := range []int{1, 40, i - 2, i, i + 1} {
			if within < i+2 && len(all)%5 == 0 {
				all = append(all, at+within)
			}
		}
		at += i + 2
	}
}

// named returns the offset at which a recorded stream has named the chat.
func named(stream []byte) int { return bytes.Index(stream, []byte("\n\n")) + 2 }

func TestCutAnywhere(t *testing.T) {
	for _, scenario := range []string{"", "reasoning", "messages", "tool", "studio", "surrogates", "escapes", "separators"} {
		t.Run("scenario "+scenario, func(t *testing.T) {
			t.Parallel()
			var stream []byte
			synctest.Test(t, func(t *testing.T) { stream = recording(t.Context(), t, scenario) })
			var want []event
			for _, at := range append([]int{len(stream)}, cuts(stream)...) {
				for _, err := range []error{nil, errReset} {
					var got []timed
					var failure *upstream.Error
					transport := &cutter{at: at, err: err}
					synctest.Test(t, func(t *testing.T) {
						transport.standIn = mock.New(7, cozemock.New())
						got, failure = listen(t.Context(), t, upstream.NewClient("http://standin", transport), chatOf(scenario))
					})
					if want == nil {
						want = told(got)
					}
					wanted := want
					switch {
					case at < named(stream):
						wanted = []event{{eventError, `{"code":5023,"msg":"upstream ended mid-stream"}`}}
					case err == nil && len(transport.seen) == 1 && at < len(stream):
						wanted = want[:len(want)-1] // the chat had ended; only done was missing
						if got[len(got)-1].Frame.Name == eventDone {
							wanted = want // only the last blank line was cut
						}
					}
					if d := differ(told(got), wanted); (failure != nil) != (at < named(stream)) || d != "" {
						t.Fatalf("cut at %d of %d, with %v: got %v: %s", at, len(stream), err, failure, d)
					}
				}
			}
		})
	}
}

// Another process can fetch the rest of a chat, given the recorded events.
func TestContinue(t *testing.T) {
	for _, scenario := range []string{"reasoning", "surrogates", "tool"} {
		t.Run(scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := upstream.NewClient("http://standin", mock.New(7, cozemock.New()))
				want, failure := listen(t.Context(), t, client, chatOf(scenario))
				if failure != nil {
					t.Fatal(failure)
				}
				for n := range len(want) + 1 {
					got := slices.Clone(want[:n])
					start := time.Now()
					events, failed := client.Continue(t.Context(), format, upstream.Opening{}, recorded(want[:n]))
					for e := range events {
						got = append(got, timed{e, 0})
					}
					if n == 0 {
						if reason(failed()) != "cut" || len(got) != 1 || got[0].Frame.Name != eventError {
							t.Fatalf("of nothing: got %v, %v; want an error", joined(got), failed())
						}
						continue
					}
					if d := differ(told(got), told(want)); failed() != nil || d != "" {
						t.Fatalf("after %d events: got %v: %s", n, failed(), d)
					}
					wait := firstPause
					if n > len(want)-2 {
						wait = 0
					}
					if took := time.Since(start); took != wait {
						t.Fatalf("after %d events: took %v, want %v", n, took, wait)
					}
				}
			})
		})
	}
}

// recorded are events as a log would give them back: without the frames in common.
func recorded(events []timed) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		for _, e := range events {
			frame := *e.Frame
			if !yield(typewriter.Event{Frame: &frame, Text: e.Text}) {
				return
			}
		}
	}
}

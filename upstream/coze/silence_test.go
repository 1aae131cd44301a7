package coze

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/upstream"
)

const aDelta = "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"a\"}\n\n"

// said is a write of an upstream, and the pause before the write.
type said struct {
	after time.Duration
	text  string
}

// speak opens a stream of timed writes without an end. The sequence of events ends at the
// returned time.
func speak(t *testing.T, script []said, during func(context.CancelFunc, *upstream.Reply)) (got []event, failure *upstream.Error, ended time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reply := openStream(ctx, t, func(ctx context.Context) io.ReadCloser {
		r, w := testenv.PipeBody(ctx)
		go func() { // ends with the script, or the request
			for _, s := range script {
				select {
				case <-time.After(s.after):
				case <-ctx.Done():
					return
				}
				if _, err := io.WriteString(w, s.text); err != nil {
					return
				}
			}
		}()
		return r
	}, nil)
	start := time.Now()
	if during != nil {
		go during(cancel, reply) // ends by itself
	}
	got, failure = readAll(reply)
	return got, failure, time.Since(start)
}

func TestIdleTimeout(t *testing.T) {
	const idle = upstream.DefaultIdleTimeout
	for _, test := range []struct {
		name   string
		script []said
		events int // before the error
		want   time.Duration
	}{
		{"nothing at all", nil, 0, idle},
		{"after an event", []said{{50 * time.Second, aDelta}}, 1, 50*time.Second + idle},
		{"within an event", []said{{50 * time.Second, aDelta[:10]}}, 0, 50*time.Second + idle},
		{"just in time", []said{{idle - 1, aDelta}, {idle - 1, aDelta}}, 2, 3*idle - 2},
		{"too late", []said{{0, aDelta}, {idle + 1, aDelta}}, 1, idle},
		{"blank lines are life", []said{{0, aDelta}, {100 * time.Second, "\n"}, {100 * time.Second, "\n"}}, 1, 200*time.Second + idle},
		{"comments are life", []said{{100 * time.Second, ":\n"}, {100 * time.Second, ": ping\n\n"}, {100 * time.Second, aDelta}}, 1, 300*time.Second + idle},
		{"a byte is life", []said{{100 * time.Second, "d"}, {100 * time.Second, "a"}}, 0, 200*time.Second + idle},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, failure, ended := speak(t, test.script, nil)
				if ended != test.want {
					t.Errorf("got an end after %v, want %v", ended, test.want)
				}
				want := slices.Repeat([]event{{eventDelta, `{"id":"1","content":"a"}`}}, test.events)
				want = append(want, event{"error", `{"code":5042,"msg":"upstream stalled mid-stream"}`})
				if !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				if reason(failure) != "idle_timeout" || failure.Status != 504 {
					t.Errorf("got %+v, want idle_timeout and 504", failure)
				}
			})
		})
	}
}

// An abandoned stream ends immediately.
func TestStreamIsGivenUp(t *testing.T) {
	const when = 10 * time.Second
	for _, test := range []struct {
		name   string
		giveUp func(context.CancelFunc, *upstream.Reply)
	}{
		{"closed", func(_ context.CancelFunc, r *upstream.Reply) { r.Close() }},
		{"closed twice", func(_ context.CancelFunc, r *upstream.Reply) { r.Close(); r.Close() }},
		{"context", func(cancel context.CancelFunc, _ *upstream.Reply) { cancel() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, failure, ended := speak(t, []said{{time.Second, aDelta}}, func(cancel context.CancelFunc, r *upstream.Reply) {
					time.Sleep(when)
					test.giveUp(cancel, r)
				})
				if ended != when {
					t.Errorf("got an end after %v, want %v", ended, when)
				}
				if len(got) != 2 || reason(failure) != "canceled" || !errors.Is(failure, context.Canceled) {
					t.Errorf("got %q, %v; want a delta and an error, canceled", got, failure)
				}
			})
		})
	}
}

// A consumer that stops gets no more events, not even an error event.
func TestRefused(t *testing.T) {
	for _, stream := range []string{aDelta + aDelta, aDelta, aDelta + "data:{"} {
		reply := openStream(t.Context(), t, func(context.Context) io.ReadCloser { return testenv.InPieces(stream, 0) }, nil)
		events, failure := reply.Events()
		n := 0
		for range events {
			n++
			break
		}
		if err := failure(); n != 1 || err != apierror.TooLarge {
			t.Errorf("got %d events and %v, want 1 and %v", n, err, apierror.TooLarge)
		}
	}
}

package upstream

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/apierror"
)

const aDelta = "event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"a\"}\n\n"

// said is what an upstream writes, and how long after what it wrote before.
type said struct {
	after time.Duration
	text  string
}

// speak opens a stream that says things at their times and then nothing, without
// an end. The sequence of its events ends at the returned time.
func speak(t *testing.T, script []said, during func(context.CancelFunc, *Reply)) (got []event, failure *Error, ended time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reply := openStream(ctx, t, func(ctx context.Context) io.ReadCloser {
		r, w := live(ctx)
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
		go during(cancel, reply) // ends at its own time
	}
	got, failure = readAll(reply)
	return got, failure, time.Since(start)
}

func TestIdleTimeout(t *testing.T) {
	const idle = DefaultIdleTimeout
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

// What follows the last event is not the stream's silence.
func TestNoIdleTimeoutAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reply := openStream(t.Context(), t, func(context.Context) io.ReadCloser { return inPieces("data:[DONE]\n\n", 0) }, nil)
		if _, err := readAll(reply); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * DefaultIdleTimeout)
		if err := reply.conn.Err(); err != nil {
			t.Errorf("the request is cancelled: %v", context.Cause(reply.conn))
		}
	})
}

// A stream that is given up ends at that instant.
func TestStreamIsGivenUp(t *testing.T) {
	const when = 10 * time.Second
	for _, test := range []struct {
		name   string
		giveUp func(context.CancelFunc, *Reply)
	}{
		{"closed", func(_ context.CancelFunc, r *Reply) { r.Close() }},
		{"closed twice", func(_ context.CancelFunc, r *Reply) { r.Close(); r.Close() }},
		{"context", func(cancel context.CancelFunc, _ *Reply) { cancel() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, failure, ended := speak(t, []said{{time.Second, aDelta}}, func(cancel context.CancelFunc, r *Reply) {
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

// Who wants no more events gets none, not even of an error.
func TestRefused(t *testing.T) {
	for _, stream := range []string{aDelta + aDelta, aDelta, aDelta + "data:{"} {
		reply := openStream(t.Context(), t, func(context.Context) io.ReadCloser { return inPieces(stream, 0) }, nil)
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

// endless is a body that counts what is read of it.
type endless struct {
	read   int
	closed bool
}

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, strings.Repeat("\n", len(p))), nil
}

func (e *endless) Close() error {
	e.closed = true
	return nil
}

func TestDrainIsBounded(t *testing.T) {
	t.Run("by bytes", func(t *testing.T) {
		body := &endless{}
		reply := openStream(t.Context(), t, func(context.Context) io.ReadCloser { return body }, nil)
		reply.Drain()
		if body.read != drainBytes || !body.closed {
			t.Errorf("got %d bytes read and closed %t, want %d and true", body.read, body.closed, drainBytes)
		}
	})

	t.Run("by time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var body io.Reader
			reply := openStream(t.Context(), t, func(ctx context.Context) io.ReadCloser {
				r, _ := live(ctx)
				body = r
				return r
			}, nil)
			start := time.Now()
			reply.Drain()
			if took := time.Since(start); took != drainTime {
				t.Errorf("got %v, want %v", took, drainTime)
			}
			if _, err := body.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("got %v from the body, want it closed", err)
			}
		})
	})

	t.Run("and ends with the stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			body := inPieces("data:[DONE]\n\n\n\n\n", 1)
			start := time.Now()
			reply := openStream(t.Context(), t, func(context.Context) io.ReadCloser { return body }, nil)
			if _, err := readAll(reply); err != nil {
				t.Fatal(err)
			}
			reply.Drain()
			if len(body.parts) != 0 || time.Since(start) != 0 {
				t.Errorf("left %q after %v, want nothing at once", body.parts, time.Since(start))
			}
		})
	})
}

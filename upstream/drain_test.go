package upstream

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"
)

// Silence after the last event is no timeout.
func TestNoIdleTimeoutAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reply := openStream(t.Context(), t, func(context.Context) io.ReadCloser { return testenv.InPieces("data:[DONE]\n\n", 0) }, nil)
		if _, err := readAll(reply); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * DefaultIdleTimeout)
		if err := reply.conn.Err(); err != nil {
			t.Errorf("the request is cancelled: %v", context.Cause(reply.conn))
		}
	})
}

// endless is a body that counts the bytes read.
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
				r, _ := testenv.PipeBody(ctx)
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
			body := testenv.InPieces("data:[DONE]\n\n\n\n\n", 1)
			start := time.Now()
			reply := openStream(t.Context(), t, func(context.Context) io.ReadCloser { return body }, nil)
			if _, err := readAll(reply); err != nil {
				t.Fatal(err)
			}
			reply.Drain()
			if len(body.Parts) != 0 || time.Since(start) != 0 {
				t.Errorf("left %q after %v, want nothing at once", body.Parts, time.Since(start))
			}
		})
	})
}

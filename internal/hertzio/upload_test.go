package hertzio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
)

// send writes a POST of a length and the first part of its body.
func send(t *testing.T, conn io.Writer, length int, part string) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", length, part); err != nil {
		t.Error(err)
	}
}

// An upload of known length is complete with the last byte: an upstream may answer at once.
// After an upload is complete, a disconnect cancels the context of the request.
func TestDisconnectAfterUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		complete, canceled := false, false
		mem, _ := serveOurs(t, func(s *server.Hertz) {
			s.POST("/", func(ctx context.Context, c *app.RequestContext) {
				u := NewUpload(c, 100)
				defer u.Stop(c)
				_, err := io.ReadFull(u, make([]byte, 5))
				complete = err == nil && u.IsComplete() && u.Err() == nil && u.Len() == 5
				select {
				case <-ctx.Done():
					canceled = true
				case <-time.After(time.Hour):
				}
			})
		})
		conn, err := mem.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		send(t, conn, 5, "12345")
		time.Sleep(time.Second)
		_ = conn.Close()
		<-conn.ServerClosed
		if !complete || !canceled {
			t.Errorf("complete: %v, canceled: %v", complete, canceled)
		}
	})
}

// Uploads fail for their length, announced or not, and for a client that stalls.
func TestFailedUploads(t *testing.T) {
	const limit = 100 << 10
	chunk := fmt.Sprintf("%x\r\n%s\r\n", limit+1, make([]byte, limit+1))
	for _, test := range []struct {
		name, request string
		want          error
		after         time.Duration
	}{
		{"announced", fmt.Sprintf("Content-Length: %d\r\n\r\n", limit+1) + string(make([]byte, limit+1)), ErrBodyTooLarge, 0},
		{"in chunks", "Transfer-Encoding: chunked\r\n\r\n" + chunk, ErrBodyTooLarge, 0},
		{"stalled", fmt.Sprintf("Content-Length: %d\r\n\r\n", limit) + string(make([]byte, limit/2)), ErrSlowBody, maxBodyStall},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got, reported error
				var took time.Duration
				mem, _ := serveOurs(t, func(s *server.Hertz) {
					s.POST("/", func(_ context.Context, c *app.RequestContext) {
						u := NewUpload(c, limit)
						defer u.Stop(c)
						start := time.Now()
						_, got = io.Copy(io.Discard, u)
						took, reported = time.Since(start), u.Err()
					})
				})
				exchange(t, mem, "POST / HTTP/1.1\r\nHost: h\r\n"+test.request)
				if !errors.Is(got, test.want) || !errors.Is(reported, test.want) || took != test.after {
					t.Errorf("got %v and %v after %v, want %v after %v", got, reported, took, test.want, test.after)
				}
			})
		})
	}
}

// Stop ends a Read that waits for the client, and closes the connection after the
// response, once the rest of the body has had a moment to arrive.
func TestStopUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan error, 1)
		mem, _ := serveOurs(t, func(s *server.Hertz) {
			s.POST("/", func(_ context.Context, c *app.RequestContext) {
				u := NewUpload(c, 1<<20)
				go func() { // ends at Stop
					_, err := io.Copy(io.Discard, u)
					read <- err
				}()
				synctest.Wait()
				u.Stop(c)
			})
		})
		conn, err := mem.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		send(t, conn, 100<<10, string(make([]byte, 80<<10)))
		start := time.Now()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // the connection is closed
		if err != nil || !response.Close {
			t.Fatalf("got %v, %v", response, err)
		}
		<-conn.ServerClosed
		if err := <-read; err == nil {
			t.Errorf("reading ended with %v", err)
		}
		if took := time.Since(start); took != lingerTime {
			t.Errorf("closed after %v, want %v", took, lingerTime)
		}
		_ = conn.Close()
	})
}

func TestNoUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, _ := serveOurs(t, func(s *server.Hertz) {
			s.GET("/", func(_ context.Context, c *app.RequestContext) {
				u := NewUpload(c, 100)
				u.Stop(c)
				if u != nil || !u.IsComplete() || u.Err() != nil {
					t.Errorf("got %+v", u)
				}
			})
		})
		exchange(t, mem, get)
	})
}

package hertzio

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
)

// Valid chunks are decoded, with any extensions and trailers, and the connection serves the
// next request. All others are malformed or, without an end, incomplete.
func TestChunkedBody(t *testing.T) {
	const end = "0\r\n\r\n"
	for _, test := range []struct {
		name, body string
		want       string
		err        error
	}{
		{"one chunk", "5\r\nhello\r\n" + end, "hello", nil},
		{"no chunk", end, "", nil},
		{"two chunks", "2\r\nhe\r\n003\r\nllo\r\n" + end, "hello", nil},
		{"digits of both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n" + end, "01234567890123456789", nil},
		{"extensions", "5;a=b;c=\"d e\"\r\nhello\r\n0 ; x\r\n\r\n", "hello", nil},
		{"trailers", "5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n", "hello", nil},
		{"data with line ends", "4\r\n\r\n\r\n\r\n" + end, "\r\n\r\n", nil},
		{"no size", "\r\nhello\r\n" + end, "", ErrMalformedBody},
		{"no digits", "xyz\r\nhello\r\n" + end, "", ErrMalformedBody},
		{"a sign", "+5\r\nhello\r\n" + end, "", ErrMalformedBody},
		{"a prefix", "0x5\r\nhello\r\n" + end, "", ErrMalformedBody},
		{"text after the size", "5 x\r\nhello\r\n" + end, "", ErrMalformedBody},
		{"a large size", "1" + strings.Repeat("0", 15) + "\r\n", "", ErrMalformedBody},
		{"LF after the size", "5\nhello\r\n" + end, "", ErrMalformedBody},
		{"LF in an extension", "5;a\nb\r\nhello\r\n" + end, "", ErrMalformedBody},
		{"CR in an extension", "5;a\rb\r\nhello\r\n" + end, "", ErrMalformedBody},
		{"a chunk that is too long", "4\r\nhello\r\n" + end, "hell", ErrMalformedBody},
		{"long extensions", "5;" + strings.Repeat("x", maxChunkLine) + "\r\nhello\r\n" + end, "", ErrMalformedBody},
		{"long trailers", "0\r\n" + strings.Repeat("A: b\r\n", maxChunkLine), "", ErrMalformedBody},
		{"incomplete size", "5", "", io.ErrUnexpectedEOF},
		{"incomplete chunk", "5\r\nhel", "hel", io.ErrUnexpectedEOF},
		{"no last chunk", "5\r\nhello\r\n", "hello", io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var body []byte
				var read, reported error
				served := 0
				mem, _ := serveOurs(t, func(s *server.Hertz) {
					s.POST("/", func(_ context.Context, c *app.RequestContext) {
						u := NewUpload(c, 1<<20)
						defer u.Stop(c)
						body, read = io.ReadAll(u)
						reported = u.Err()
					})
					s.GET("/next", func(context.Context, *app.RequestContext) { served++ })
				})
				conn, err := mem.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				go func() { // ends when the server closes the connection
					_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"+test.body)
					if test.err == nil {
						_, _ = io.WriteString(conn, "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
					}
					if errors.Is(test.err, io.ErrUnexpectedEOF) {
						time.Sleep(time.Second) // until the server has read everything
						_ = conn.Close()
					}
				}()
				_, _ = io.Copy(io.Discard, conn)
				<-conn.ServerClosed
				_ = conn.Close()
				if string(body) != test.want || !errors.Is(read, test.err) || !errors.Is(reported, test.err) {
					t.Errorf("got %q, %v and %v, want %q, %v", body, read, reported, test.want, test.err)
				}
				if want := map[bool]int{true: 1}[test.err == nil]; served != want {
					t.Errorf("served %d further requests, want %d", served, want)
				}
			})
		})
	}
}

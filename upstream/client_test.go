package upstream

import (
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"
)

// seen is a request at the upstream.
type seen struct {
	method, target, body string
	size                 int64
	chunked              []string
	header               http.Header
}

func see(r *http.Request) seen {
	body, _ := io.ReadAll(r.Body) // it is in memory
	return seen{r.Method, r.RequestURI, string(body), r.ContentLength, r.TransferEncoding, r.Header}
}

// exchange sends requests one after another to a server that answers them alike,
// and returns what it got.
func exchange(t *testing.T, base, answer string, requests ...Request) (got []seen, s *server) {
	t.Helper()
	s = &server{serve: func(conn net.Conn, r *http.Request) bool {
		got = append(got, see(r))
		_, err := io.WriteString(conn, answer)
		return err == nil
	}}
	client := NewClient(base, s.transport())
	defer client.Close()
	for _, r := range requests {
		reply, err := client.Do(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		reply.Drain()
	}
	return got, s
}

func TestRequestGoesAsItIs(t *testing.T) {
	chat := Request{
		Method: "POST", Path: "/v3/chat", Query: "conversation_id=1",
		Header: http.Header{
			"Authorization": {"Bearer pat_x"}, "Content-Type": {"application/json"}, "User-Agent": {"cozepy/1"},
			"X-Twice": {"a", "b"}, "Cookie": {"a=b"}, "Accept": {"application/json, text/plain, */*"}, "X-Empty": {""},
		},
		Body: []byte("{\"a\" : 1.0,\n \"b\":\"\\u4f60\u2028\"}\x00\xff "),
	}
	with := func(change func(*Request)) Request {
		r := chat
		r.Header = chat.Header.Clone()
		change(&r)
		return r
	}
	for _, test := range []struct {
		name    string
		request Request
	}{
		{"POST", chat},
		{"GET", with(func(r *Request) { r.Method, r.Body = "GET", nil })},
		{"GET with a body", with(func(r *Request) { r.Method = "GET" })},
		{"DELETE with a body", with(func(r *Request) { r.Method = "DELETE" })},
		{"PUT", with(func(r *Request) { r.Method = "PUT" })},
		{"large", with(func(r *Request) { r.Body = []byte(strings.Repeat("x", 1<<20)) })},
		{"empty", with(func(r *Request) { r.Body = nil })},
		{"no headers", with(func(r *Request) { r.Header = nil })},
		{"compression is asked for", with(func(r *Request) { r.Header.Set("Accept-Encoding", "gzip, br") })},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				want := seen{
					test.request.Method, "/v3/chat?conversation_id=1", string(test.request.Body),
					int64(len(test.request.Body)), nil,
					http.Header{},
				}
				for name, values := range test.request.Header {
					want.header[name] = slices.Clone(values)
				}
				want.header.Set("Accept-Encoding", "identity")
				if len(test.request.Body) > 0 || test.request.Method == http.MethodPost {
					want.header.Set("Content-Length", strconv.Itoa(len(test.request.Body)))
				}
				got, _ := exchange(t, "http://upstream.test", answer("200 OK", "", "{}"), test.request)
				if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
					t.Errorf("got  %.800v\nwant %.800v", got, want)
				}
			})
		})
	}
}

// An upload of known length goes with it, another in chunks; neither waits for its
// end.
func TestUpload(t *testing.T) {
	for _, test := range []struct {
		name    string
		length  int64
		chunked []string
	}{
		{"known length", 6, nil},
		{"unknown length", -1, []string{"chunked"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				upload := io.NopCloser(&testenv.Body{Parts: []string{"one", "two"}})
				got, _ := exchange(t, "http://upstream.test", answer("200 OK", "", "{}"), Request{
					Method: "POST", Path: "/v1/files/upload", Upload: upload, Length: test.length,
				})
				if len(got) != 1 || got[0].body != "onetwo" || got[0].size != test.length || !slices.Equal(got[0].chunked, test.chunked) {
					t.Errorf("got %+v, want onetwo of length %d, %q", got, test.length, test.chunked)
				}
			})
		})
	}
}

func TestTarget(t *testing.T) {
	for _, test := range []struct{ name, base, path, query, want string }{
		{"plain", "", "/v3/chat", "", "/v3/chat"},
		{"base with a path", "/upstream", "/v3/chat", "", "/upstream/v3/chat"},
		{"base with a slash", "/", "/v3/chat", "", "/v3/chat"},
		{"base with a path and a slash", "/a/", "/v3/chat", "", "/a/v3/chat"},
		{"two slashes", "", "//v3/chat", "", "//v3/chat"},
		{"slashes and dots", "", "/a//b/../c/./", "", "/a//b/../c/./"},
		{"encoded slash", "", "/a%2Fb%2fc", "", "/a%2Fb%2fc"},
		{"encoded for nothing", "", "/%61%7e-%41", "", "/%61%7e-%41"},
		{"encoded braces", "", "/%7Bx%7D", "q=%7Bx%7D", "/%7Bx%7D?q=%7Bx%7D"},
		{"allowed signs", "", "/a:b;c,d@e!f$g&h'i(j)k*l+m=n", "", "/a:b;c,d@e!f$g&h'i(j)k*l+m=n"},
		{"query twice", "", "/x", "a=1&a=2&b", "/x?a=1&a=2&b"},
		{"odd query", "", "/x", "&&=&a=%zz&b=%7e+;c?d/", "/x?&&=&a=%zz&b=%7e+;c?d/"},
		{"braces in the query", "", "/x", "q={x}&{}", "/x?q={x}&{}"},
		{"query not in ASCII", "", "/x", "q=你好", "/x?q=你好"},

		// No path may hold these; an upstream reads them as if they were encoded.
		{"braces", "", "/{x}/{}", "", "/%7Bx%7D/%7B%7D"},
		{"path not in ASCII", "", "/你", "", "/%E4%BD%A0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := Request{Method: "POST", Path: test.path, Query: test.query, Body: []byte("{}")}
				got, _ := exchange(t, "http://upstream.test"+test.base, answer("200 OK", "", ""), r)
				if len(got) != 1 || got[0].target != test.want {
					t.Errorf("got %v, want %q", got, test.want)
				}
			})
		})
	}
}

// Requests share a connection, and no cookies are stored.
func TestConnectionIsUsedAgain(t *testing.T) {
	const stream = "data:[DONE]\n\n"
	for _, test := range []struct{ name, answer string }{
		{"JSON", answer("200 OK", "Set-Cookie: session=1; Path=/\r\n", "{}")},
		{"stream", answer("200 OK", "Set-Cookie: session=1; Path=/\r\nContent-Type: text/event-stream\r\n", stream)},
		{"chunked", "HTTP/1.1 200 OK\r\nSet-Cookie: session=1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				request := func() Request { return Request{Method: "POST", Path: "/v3/chat", Body: []byte("{}")} }
				got, s := exchange(t, "http://upstream.test", test.answer, request(), request())
				if len(got) != 2 || len(s.dials) != 1 {
					t.Errorf("got %d requests over %d connections, want 2 over 1", len(got), len(s.dials))
				}
				for _, r := range got {
					if cookie := r.header.Get("Cookie"); cookie != "" {
						t.Errorf("got cookie %q, want none", cookie)
					}
				}
			})
		})
	}
}

// Every reply is returned unchanged, whatever the status.
func TestRepliesAreReturned(t *testing.T) {
	for _, test := range []struct {
		name, status, header, body string
		want                       int
	}{
		{"error", "429 Too Many Requests", "Retry-After: 1\r\n", `{"code":4013}`, 429},
		{"failure", "503 Service Unavailable", "", `down`, 503},
		{"failure of a gateway", "502 Bad Gateway", "", ``, 502},
		{"redirect", "302 Found", "Location: http://elsewhere.test/v3/chat\r\n", "see there", 302},
		{"redirect with a body", "307 Temporary Redirect", "Location: http://elsewhere.test/\r\n", "", 307},
		{"redirect within", "308 Permanent Redirect", "Location: /v4/chat\r\n", "", 308},
		{"redirect to nowhere", "301 Moved", "", "", 301},
		{"compressed", "200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b not really", 200},
		{"compressed otherwise", "200 OK", "Content-Encoding: br\r\n", "\x01", 200},
		{"compressed and empty", "200 OK", "Content-Encoding: deflate\r\n", "", 200},
		{"JSON of a body that ends in a newline", "200 OK", "Content-Type: application/json\r\n", "{\"code\":1}\n", 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				s := &server{serve: func(conn net.Conn, _ *http.Request) bool {
					requests++
					_, err := io.WriteString(conn, answer(test.status, test.header, test.body))
					return err == nil
				}}
				client := NewClient("http://upstream.test", s.transport())
				defer client.Close()
				reply, err := client.Do(t.Context(), Request{
					Method: "POST", Path: "/v3/chat", Header: http.Header{"Authorization": {"Bearer pat_x"}}, Body: []byte("{}"),
				})
				if err != nil {
					t.Fatal(err)
				}
				defer reply.Close()
				body, err := io.ReadAll(reply.Body)
				if err != nil || reply.Status != test.want || string(body) != test.body {
					t.Errorf("got %d %q, %v; want %d %q", reply.Status, body, err, test.want, test.body)
				}
				name, value, _ := strings.Cut(strings.TrimSuffix(test.header, "\r\n"), ": ")
				if got := reply.Header.Get(name); got != value {
					t.Errorf("got %s %q, want %q", name, got, value)
				}
				if requests != 1 || !slices.Equal(s.dials, []string{"upstream.test:80"}) {
					t.Errorf("got %d requests at %q, want one", requests, s.dials)
				}
			})
		})
	}
}

func TestCompressedStreamIsRefused(t *testing.T) {
	for _, test := range []struct{ encoding, want string }{
		{"gzip", "compressed"},
		{"deflate", "compressed"},
		{"br", "compressed"},
		{"identity", ""},
		{"", ""},
	} {
		t.Run("encoding "+test.encoding, func(t *testing.T) {
			body := &endless{}
			client := NewClient("http://upstream.test", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				header := http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {test.encoding}}
				return &http.Response{StatusCode: http.StatusOK, Header: header, Body: body, Request: r}, nil
			}))
			reply, err := client.Do(t.Context(), Request{Method: "POST", Format: plainFormat, Path: "/v3/chat", Body: []byte("{}")})
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				reply.Close()
				return
			}
			if failure := asError(t, err); failure.Reason != test.want || failure.Status != 502 || !body.closed {
				t.Errorf("got %+v and a body closed %t, want %s, 502 and true", failure, body.closed, test.want)
			}
		})
	}
}

func TestIsStream(t *testing.T) {
	for _, test := range []struct {
		contentType string
		status      int
		want        bool
	}{
		{"text/event-stream", 200, true},
		{"text/event-stream; charset=utf-8", 200, true},
		{"text/event-stream;charset=UTF-8", 200, true},
		{"text/event-stream;", 200, true},
		{"Text/Event-Stream", 200, true},
		{" text/event-stream ", 200, true},
		{"text/event-stream", 201, false},
		{"text/event-stream", 500, false},
		{"application/json", 200, false},
		{"text/event-streams", 200, false},
		{"text/plain; a=text/event-stream", 200, false},
		{"", 200, false},
	} {
		r := Reply{Status: test.status, Header: http.Header{"Content-Type": {test.contentType}}}
		if got := r.IsStream(); got != test.want {
			t.Errorf("%q of status %d: got %t, want %t", test.contentType, test.status, got, test.want)
		}
	}
}

// A stream over a connection ends at the instant when it is given up, and its
// connection with it.
func TestStreamOfAConnectionIsGivenUp(t *testing.T) {
	for _, test := range []struct {
		name   string
		giveUp func(context.CancelFunc, *Reply)
	}{
		{"closed", func(_ context.CancelFunc, r *Reply) { r.Close() }},
		{"context", func(cancel context.CancelFunc, _ *Reply) { cancel() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, gone := time.Now(), time.Duration(0)
				s := &server{serve: func(conn net.Conn, _ *http.Request) bool {
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"+"data:{}\n\n")
					_, _ = conn.Read(make([]byte, 1)) // until the client leaves
					gone = time.Since(start)
					return false
				}}
				client := NewClient("http://upstream.test", s.transport())
				defer client.Close()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				reply, err := client.Do(ctx, Request{Method: "POST", Format: plainFormat, Path: "/v3/chat", Body: []byte("{}")})
				if err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(time.Second, func() { test.giveUp(cancel, reply) })
				got, failure := readAll(reply)
				synctest.Wait()
				if len(got) != 2 || reason(failure) != "canceled" {
					t.Errorf("got %q, %v; want a delta and an error, canceled", got, failure)
				}
				if ended := time.Since(start); ended != time.Second || gone != time.Second {
					t.Errorf("got an end after %v and a closed connection after %v, want 1s", ended, gone)
				}
			})
		})
	}
}

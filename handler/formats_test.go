package handler

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// lineFormat is the format of a service that streams lines of text at paths ending with
// /lines, without an event at the end.
var lineFormat = &upstream.Format{
	Name: "lines",
	Route: func(r upstream.RequestHead) string {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/lines") {
			return "*/lines"
		}
		return ""
	},
	NewDecoder: func() upstream.Decoder { return lineDecoder{} },
	ErrorEvents: func(err *upstream.Error, sent upstream.Sent) []typewriter.Event {
		return []typewriter.Event{upstream.Pass("", `{"failed":"`+err.Reason+`","after":"`+sent.Last.Text+`"}`, nil).Event}
	},
	ErrorBody: func(err *upstream.Error, requestID string) []byte {
		return []byte(`{"problem":"` + err.Reason + `","id":"` + requestID + `"}`)
	},
	RequestIDHeader: "X-Line-Id",
	Heartbeat:       ": alive\n\n",
}

// lineDecoder decodes data as text, and "." as the end.
type lineDecoder struct{}

var lineFrame = &typewriter.Frame{Head: `"`, Tail: `"`, Channel: "line"}

func (lineDecoder) Decode(name, data string) upstream.Event {
	if data == "." {
		return upstream.Pass(name, data, &upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Done})
	}
	return upstream.Event{
		Event:   typewriter.Event{Frame: lineFrame, Text: strings.Trim(data, `"`)},
		Meaning: &upstream.Meaning{Kind: upstream.KindText},
	}
}

// lineUpstream replies to each request with a stream, and keeps the last request.
type lineUpstream struct {
	stream string
	target string
	body   string
}

func (u *lineUpstream) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	u.target, u.body = r.URL.RequestURI(), string(body)
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"text/event-stream"}, "X-Line-Id": {"id-7"}},
		Body:       io.NopCloser(strings.NewReader(u.stream)),
		Request:    r,
	}, nil
}

// withLines adds the format to those of a handler.
func withLines(o *Options, _ *streams.Options) {
	o.Upstreams[0].Formats = append(slices.Clone(o.Upstreams[0].Formats), lineFormat)
}

// A request at a path of another format is paced in that format.
func TestOtherFormat(t *testing.T) {
	for _, test := range []struct {
		name, stream, want string
	}{
		{"complete", "data: \"ab\"\n\ndata: .\n\n", "data: \"a\"\n\ndata: \"b\"\n\ndata: .\n\n"},
		{"cut", "data: \"ab\"\n\n", "data: \"a\"\n\ndata: \"b\"\n\ndata: {\"failed\":\"cut\",\"after\":\"ab\"}\n\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &lineUpstream{stream: test.stream}
				var log bytes.Buffer
				_, server := newTestHandler(t, service, withLines, func(o *Options, _ *streams.Options) {
					o.Logger = slog.New(slog.NewTextHandler(&log, nil))
				})
				a := server.serve(context.Background(), t, request{method: "POST", url: "/a%20b//v1/lines?x=1&x=%2F", body: "as it is"})
				if got := a.text(); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if service.target != "/a%20b/v1/lines?x=1&x=%2F" || service.body != "as it is" {
					t.Errorf("got %s with %q upstream", service.target, service.body)
				}
				if id := a.header("X-Line-Id"); id != "id-7" {
					t.Errorf("got request id %q, want id-7", id)
				}
				if want := `route="POST */lines"`; !strings.Contains(log.String(), want) {
					t.Errorf("got log %s, want %s", &log, want)
				}
			})
		})
	}
}

// A format's interval between events applies unless the server or the client sets another.
func TestMinIntervalOfFormat(t *testing.T) {
	coarse := *lineFormat
	coarse.MinInterval = 150 * time.Millisecond
	for _, test := range []struct {
		name   string
		server time.Duration
		query  string
		want   string
	}{
		{"of the format", typewriter.Auto, "", `"ab" "cd" "ef"`},
		{"of the server", 250 * time.Millisecond, "", `"abc" "def"`},
		{"of the client", 250 * time.Millisecond, "&min_interval=0", `"a" "b" "c" "d" "e" "f"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, server := newTestHandler(t, &lineUpstream{stream: "data: \"abcdef\"\n\ndata: .\n\n"}, func(o *Options, _ *streams.Options) {
					pace := o.Upstreams[0].Paces[typewriter.Typewriter]
					pace.MinInterval = test.server
					o.Upstreams[0].Paces[typewriter.Typewriter] = pace
					o.Upstreams[0].Formats = upstream.Formats{testFormats[0], &coarse}
				})
				a := server.serve(context.Background(), t, request{method: "POST", url: "/lines?max_lag=0" + test.query, body: "x"})
				want := "data: " + strings.ReplaceAll(test.want, " ", "\n\ndata: ") + "\n\ndata: .\n\n"
				if got := a.text(); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

// Errors are reported in the format of the request.
func TestErrorsOfOtherFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, &lineUpstream{}, withLines)
		for _, test := range []struct{ url, want string }{
			{"/v9/lines?mode=x", `{"problem":"bad_request","id":"`},
			{"/v9/../lines", `{"problem":"bad_request","id":"`},
			{"/ai/others", `{"code":4200,`},
		} {
			a := server.serve(context.Background(), t, request{method: "POST", url: test.url})
			if got := a.text(); !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: got %s, want %s", test.url, got, test.want)
			}
		}
	})
}

// The registry ends a stream with the events of the stream's format, and knows the streams
// of each upstream.
func TestOrigins(t *testing.T) {
	all := Upstreams{{Formats: testFormats}, {Prefix: "/one", Formats: append(upstream.Formats{lineFormat}, testFormats...)}}
	for _, test := range []struct {
		origin streams.Origin
		want   string // empty: the origin is unknown
	}{
		{streams.Origin{Format: "coze"}, `{"code":5000,"msg":"internal error"}`},
		{streams.Origin{Format: "summary/coze"}, `{"code":5000,"msg":"internal error"}`},
		{streams.Origin{Format: "lines"}, ""},
		{streams.Origin{Format: "other"}, ""},
		{streams.Origin{}, ""},
		{streams.Origin{Upstream: "/one", Format: "lines"}, `{"failed":"internal","after":"x"}`},
		{streams.Origin{Upstream: "/one", Format: "summary/lines"}, `{"failed":"internal","after":"x"}`},
		{streams.Origin{Upstream: "/two", Format: "coze"}, ""},
	} {
		if got := all.Knows(test.origin); got != (test.want != "") {
			t.Errorf("%v: got known %t", test.origin, got)
		}
		if test.want == "" {
			continue
		}
		log := typewriter.NewLog(typewriter.LogOptions{})
		log.End(typewriter.Event{Frame: lineFrame, Text: "x"})
		events := all.ErrorEvents(apierror.Internal)(test.origin, log)
		if len(events) != 1 || events[0].Frame.Head != test.want {
			t.Errorf("%v: got %v, want %s", test.origin, events, test.want)
		}
	}
}

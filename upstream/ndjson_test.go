package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

func TestReadNDJSON(t *testing.T) {
	for _, test := range []struct {
		name, stream string
		want         []rawEvent
	}{
		{"lines", "{\"a\":1}\n[2]\n", []rawEvent{{data: `{"a":1}`}, {data: "[2]"}}},
		{"blank lines and heartbeats", "\n  {}\n\n \t\n   1\r\n", []rawEvent{{data: "{}"}, {data: "1"}}},
		{"CR is white space", "{\r\"a\":\r1}\r\n", []rawEvent{{data: "{\r\"a\":\r1}"}}},
		{"names of SSE mean nothing", "data: 1\n:2\n", []rawEvent{{data: "data: 1"}, {data: ":2"}}},
		{"one byte order mark", "\ufeff{}\n", []rawEvent{{data: "{}"}}},
		{"no line end", "1\n{\"a\":", []rawEvent{{data: "1"}, {data: `{"a":`, unended: true, inLine: true}}},
		{"a heartbeat at the end", "1\n ", []rawEvent{{data: "1"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for size := range len(test.stream) + 1 {
				r := eventReader{r: testenv.InPieces(test.stream, size), max: len(test.stream), ndjson: true}
				var got []rawEvent
				e, err := r.read()
				for ; err == nil; e, err = r.read() {
					got = append(got, e)
				}
				if !errors.Is(err, io.EOF) || !slices.Equal(got, test.want) {
					t.Errorf("in pieces of %d: got %+v, %v, want %+v", size, got, err, test.want)
				}
			}
		})
	}
}

// The bound holds for each line with its end.
func TestLongLine(t *testing.T) {
	const limit = 10_000
	line := strings.Repeat("1", limit-1)
	r := eventReader{r: strings.NewReader(line + "\n" + line + "\n" + line + "1\n"), max: limit, ndjson: true}
	for range 2 {
		if e, err := r.read(); err != nil || e.data != line {
			t.Fatalf("got %d bytes, %v", len(e.data), err)
		}
	}
	if _, err := r.read(); !errors.Is(err, bufio.ErrTooLong) {
		t.Errorf("got %v, want %v", err, bufio.ErrTooLong)
	}
}

// A stream of lines is recognized by its media type, and a cut within a line is noticed.
func TestNDJSONReply(t *testing.T) {
	lines := *plainFormat
	lines.Framing = NDJSON
	for _, test := range []struct {
		name, contentType, body string
		isStream                bool
		want                    []event
		reason                  string
	}{
		{"complete", "application/x-ndjson", "{\"a\":1}\n[DONE]\n", true, []event{{"", `{"a":1}`}, {"", "[DONE]"}}, ""},
		{"cut between lines", "application/x-ndjson", "{\"a\":1}\n", true, []event{{"", `{"a":1}`}, {"error", "upstream ended mid-stream"}}, "cut"},
		{"cut within a line", "application/x-ndjson", "{\"a\":1}\n{\"a\":", true, []event{{"", `{"a":1}`}, {"error", "upstream ended mid-stream"}}, "cut"},
		{"a last line without an end", "application/x-ndjson; charset=utf-8", "{\"a\":1}", true, []event{{"", `{"a":1}`}, {"error", "upstream ended mid-stream"}}, "cut"},
		{"another name of the media type", "application/jsonl", "{\"a\":1}\n[DONE]\n", true, []event{{"", `{"a":1}`}, {"", "[DONE]"}}, ""},
		{"JSON", "application/json", "{\"a\":1}\n", false, nil, ""},
		{"events", "text/event-stream", "data: 1\n\n", false, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := NewClient("http://upstream.invalid", testenv.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				header := http.Header{"Content-Type": {test.contentType}}
				return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(test.body)), Request: r}, nil
			}))
			reply, err := client.Do(context.Background(), Request{Method: http.MethodPost, Format: &lines, Path: "/"})
			if err != nil {
				t.Fatal(err)
			}
			defer reply.Close()
			if got := reply.IsStream(); got != test.isStream {
				t.Fatalf("got stream %t", got)
			}
			if !test.isStream {
				return
			}
			if got, failure := readAll(reply); !slices.Equal(got, test.want) || reason(failure) != test.reason {
				t.Errorf("got %v, %v, want %v, %q", got, failure, test.want, test.reason)
			}
		})
	}
}

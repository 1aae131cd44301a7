package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// message is an event that an EventSource dispatches.
type message struct{ name, data string }

// dispatched parses a whole stream by the rules of HTML, section 9.2.6.
func dispatched(stream string) []message {
	stream = strings.TrimPrefix(stream, "\ufeff")
	stream = strings.ReplaceAll(stream, "\r\n", "\n")
	stream = strings.ReplaceAll(stream, "\r", "\n")
	var out []message
	name, data := "", []string(nil)
	for line := range strings.Lines(stream) {
		line, whole := strings.CutSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case !whole:
		case line == "":
			if data != nil {
				out = append(out, message{name, strings.Join(data, "\n")})
			}
			name, data = "", nil
		case field == "event":
			name = value
		case field == "data":
			data = append(data, value)
		}
	}
	return out
}

// contract has streams that parsers are known to get wrong, and their events. The cases
// are those of public contract tests for clients that also concern a proxy.
var contract = []struct {
	name, stream string
	want         []message
}{
	{"data without a space", "data:a\n\n", []message{{"", "a"}}},
	{"one space belongs to the field", "data: a\n\n", []message{{"", "a"}}},
	{"more belong to the data", "data:   a \n\n", []message{{"", "  a "}}},
	{"a tab belongs to the data", "data:\ta\n\n", []message{{"", "\ta"}}},
	{"spaces of a name", "event:  a \ndata:b\n\n", []message{{" a ", "b"}}},
	{"a colon in data", "data::a:b\n\n", []message{{"", ":a:b"}}},
	{"spaces of JSON", "event:a\ndata:  {\"b\": 1} \n\n", []message{{"a", " {\"b\": 1} "}}},

	{"several lines", "data:a\ndata:  b\ndata:c\n\n", []message{{"", "a\n b\nc"}}},
	{"empty lines of data", "data:\ndata\ndata:a\ndata:\n\n", []message{{"", "\n\na\n"}}},
	{"empty data", "event:a\ndata:\n\n", []message{{"a", ""}}},
	{"empty data without a name", "data:\n\n", []message{{"", ""}}},
	{"empty data without a colon", "data\n\n", []message{{"", ""}}},
	{"two lines of empty data", "data\ndata\n\n", []message{{"", "\n"}}},
	{"no data is no event", "event:a\n\ndata:b\n\n", []message{{"", "b"}}},
	{"a name of an event without data is forgotten", "event:a\n\nevent:b\ndata:c\n\nevent:d\n\n", []message{{"b", "c"}}},
	{"a name behind its data", "data:a\nevent:b\n\n", []message{{"b", "a"}}},
	{"the last name counts", "event:a\nevent:b\ndata:c\n\n", []message{{"b", "c"}}},
	{"blank lines", "\n\n\ndata:a\n\n\n\n\ndata:b\n\n", []message{{"", "a"}, {"", "b"}}},

	{"comments", ":\n: a\n:b\ndata:c\n: d\ndata:e\n\n:f\n\n", []message{{"", "c\ne"}}},
	{"unknown fields", "foo:a\nDATA:b\n data:c\ndata :d\ndata:e\nfoo\n\n", []message{{"", "e"}}},
	{"ids and times", "id:1\nretry:1000\n\nid:2\ndata:a\nretry:x\n\nid\ndata:b\n\n", []message{{"", "a"}, {"", "b"}}},

	{"mark of byte order", "\ufeffdata:a\n\n", []message{{"", "a"}}},
	{"a second one", "\ufeff\ufeffdata:a\n\ndata:b\n\n", []message{{"", "b"}}},
	{"one in the middle", "data:a\n\n\ufeffdata:b\n\ndata:\ufeffc\n\n", []message{{"", "a"}, {"", "\ufeffc"}}},

	{"CRLF", "event:a\r\ndata:b\r\ndata:c\r\n\r\ndata:d\r\n\r\n", []message{{"a", "b\nc"}, {"", "d"}}},
	{"CR", "event:a\rdata:b\rdata:c\r\rdata:d\r\r", []message{{"a", "b\nc"}, {"", "d"}}},
	{"mixed line ends", "event:a\rdata:b\r\ndata:c\n\r\ndata:d\n\rdata:e\r\n\n", []message{{"a", "b\nc"}, {"", "d"}, {"", "e"}}},

	{"controls and NUL", "data:a\x00b\x1b\n\n", []message{{"", "a\x00b\x1b"}}},
	{"other line ends of Unicode", "data:a\u2028b\u2029c\u0085d\x0be\x0cf\n\n", []message{{"", "a\u2028b\u2029c\u0085d\x0be\x0cf"}}},
	{"a long line", "data:" + strings.Repeat("a", 100_000) + "\n\n", []message{{"", strings.Repeat("a", 100_000)}}},
	{"a delta that is no JSON", "event:conversation.message.delta\ndata:  a\n\n", []message{{"conversation.message.delta", " a"}}},
}

// done ends a stream.
const done = "event:done\ndata:\"[DONE]\"\n\n"

// servePieces serves the streams of the contract through the program. The query selects
// the stream and the sizes of its pieces.
func servePieces(t *testing.T) (base string) {
	t.Helper()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		number, err := strconv.Atoi(r.URL.Query().Get("case"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		rest := contract[number].stream + done
		for _, at := range r.URL.Query()["piece"] {
			size, err := strconv.Atoi(at)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, rest[:size]) // an error: the client has left
			rest = rest[size:]
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond) // the pieces must not arrive as one
		}
		_, _ = io.WriteString(w, rest)
	}))
	t.Cleanup(up.Close)
	return testenv.Start(t, "--upstream="+up.URL, "--mode=raw").Base
}

// A client dispatches the events that the upstream sent, with event ids and without.
func TestPassThrough(t *testing.T) {
	base := servePieces(t)
	for i, test := range contract {
		want := append(slices.Clone(test.want), message{"done", `"[DONE]"`})
		if got := dispatched(test.stream + done); !slices.Equal(got, want) {
			t.Fatalf("%s: the stream has %q, want %q", test.name, got, want)
		}
		for _, method := range []string{"POST", "GET"} {
			t.Run(test.name+"/"+method, func(t *testing.T) {
				status, body := send(t, method, fmt.Sprintf("%s/v3/chat?case=%d", base, i))
				if got := dispatched(body); status != http.StatusOK || !slices.Equal(got, want) {
					t.Errorf("got %d %.400q, want %.400q", status, got, want)
				}
			})
		}
	}
}

// The events do not depend on the network's pieces of the stream: any two pieces, or one
// for each byte.
func TestPassThroughInPieces(t *testing.T) {
	base := servePieces(t)
	for i, test := range contract {
		if len(test.stream) > 1000 {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := append(slices.Clone(test.want), message{"done", `"[DONE]"`})
			single := make([]string, len(test.stream))
			for i := range single {
				single[i] = "1"
			}
			ways := [][]string{single}
			for at := 1; at <= len(test.stream); at++ {
				ways = append(ways, []string{strconv.Itoa(at)})
			}
			for _, pieces := range ways {
				query := url.Values{"case": {strconv.Itoa(i)}, "piece": pieces}
				status, body := send(t, "POST", base+"/v3/chat?"+query.Encode())
				if got := dispatched(body); status != http.StatusOK || !slices.Equal(got, want) {
					t.Fatalf("in pieces of %v: got %d %q, want %q", pieces, status, got, want)
				}
			}
		})
	}
}

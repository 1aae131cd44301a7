package promises

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"
)

var (
	serverFlag  = flag.String("server", "", "address of a deployment; empty starts the program in front of its stand-in")
	keyFlag     = flag.String("key", "", "API key of the deployment or token of the service; empty sends a random token")
	messageFlag = flag.String("message", "Write one sentence about autumn.", "question to ask")
)

// answerTime bounds the time of one request.
const answerTime = 2 * time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	if *serverFlag != "" { // a client has a limit of streams
		if err := flag.Set("test.parallel", "4"); err != nil {
			panic(err)
		}
	}
	os.Exit(testenv.Main(m))
}

// client is a client of the deployment.
type client struct {
	*testing.T
	base  string
	token string
}

// as returns a client of the same deployment with another credential.
func (c *client) as(token string) *client { return &client{c.T, c.base, token} }

// reply is the reply to a request that was read to the end.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask returns the path of a new chat, with pacing parameters.
func ask(query string) string { return "/v3/chat?" + query }

// send sends a request. The header fields are names and values in turn.
func (c *client) send(ctx context.Context, method, path, body string, header ...string) *http.Response {
	c.Helper()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "text/plain")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	return res
}

// do sends a request and reads the reply.
func (c *client) do(method, path, body string, header ...string) reply {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), answerTime)
	defer cancel()
	res := c.send(ctx, method, path, body, header...)
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		c.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(content)}
}

// stream is a stream, or the part of a stream that a client has read.
type stream struct {
	id     string // of the header Typewriter-Stream
	events []sse.Event
}

// read sends a request and reads the stream of the reply, at most a number of events; 0
// reads to the end. The connection is closed afterwards.
func (c *client) read(limit int, method, path, body string, header ...string) stream {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), answerTime)
	defer cancel()
	res := c.send(ctx, method, path, body, header...)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		content, _ := io.ReadAll(res.Body) // only for the message
		c.Fatalf("%s %s: %s %s", method, path, res.Status, content)
	}
	s := stream{id: res.Header.Get("Typewriter-Stream")}
	for e, err := range sse.Read(res.Body, nil) {
		if err != nil && !errors.Is(err, io.EOF) {
			c.Fatal(err)
		}
		if e.Data == "" && e.Type == "" {
			continue
		}
		s.events = append(s.events, e)
		if len(s.events) == limit {
			break
		}
	}
	return s
}

// start asks the question with event ids and reads at most a number of events; 0 reads to
// the end.
func (c *client) start(limit int, query string) stream {
	c.Helper()
	s := c.read(limit, http.MethodPost, ask(query), *messageFlag, "Typewriter-Event-Ids", "on")
	if s.id == "" || len(s.events) == 0 {
		c.Fatalf("stream %q with %d events", s.id, len(s.events))
	}
	return s
}

// view reads a stream from the beginning or after an event, to the end.
func (c *client) view(id, after, query string) stream {
	c.Helper()
	return c.read(0, http.MethodGet, address(id)+"?"+query, "", "Last-Event-ID", after)
}

// address returns the path of a stream.
func address(id string) string { return "/typewriter/streams/" + id }

// field returns a text field of a delta's JSON in the formats in front of which /v3/chat
// answers in Coze's vocabulary.
func field(e sse.Event, name string) string {
	if e.Type != "conversation.message.delta" {
		return ""
	}
	return gjson.Get(e.Data, name).Str
}

// text returns the text of the events, reasoning first.
func (s stream) text() string {
	var reasoning, answer strings.Builder
	for _, e := range s.events {
		reasoning.WriteString(field(e, "reasoning_content"))
		answer.WriteString(field(e, "content"))
	}
	return reasoning.String() + "\x00" + answer.String()
}

// others returns the events without text, as name and data.
func (s stream) others() (all []string) {
	for _, e := range s.events {
		if e.Type != "conversation.message.delta" {
			all = append(all, e.Type+" "+e.Data)
		}
	}
	return all
}

// isDone reports whether the stream has ended with the event of success, as the last event.
func (s stream) isDone() bool {
	return len(s.events) > 0 && s.events[len(s.events)-1].Type == "done"
}

// token returns the credential of the tests.
func token(t *testing.T) string { return cmp.Or(*keyFlag, "promises-"+t.Name()) }

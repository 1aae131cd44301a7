package terminal

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"
)

// maxEvent is the maximum size of an event in bytes.
const maxEvent = 64 << 20

// chat displays the answer to one message.
type chat struct {
	client *client
	screen *screen

	conversationID string          // empty for servers without conversations
	text           strings.Builder // the answer

	typed     bool     // the current message arrived in deltas
	followUps []string // suggested questions
	complete  bool     // the end of the connection is the end of the stream
	failed    error    // first error reported in the stream
}

// run displays the stream to its end, resuming lost connections.
func (c *chat) run(ctx context.Context, message string) error {
	body, err := c.client.start(ctx, message)
	for err == nil {
		err = c.read(body)
		_ = body.Close() // nothing more to read
		if !errors.Is(err, errCut) {
			break
		}
		body, err = c.client.resume(ctx)
	}
	if err != nil && !errors.Is(err, errFinished) {
		return err
	}
	if c.failed == nil {
		for _, question := range c.followUps {
			c.screen.suggest(question)
		}
	}
	return c.failed
}

// errEnd is returned by show for the last event of a stream.
var errEnd = errors.New("end of stream")

// read displays the events of one connection. It returns nil at the end of the stream, and
// errCut if the connection ends before.
func (c *chat) read(body io.Reader) error {
	for e, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		switch {
		case errors.Is(err, bufio.ErrTooLong):
			return fmt.Errorf("event of the server exceeds %d bytes", maxEvent)
		case err != nil:
			return errCut
		}
		err := c.show(e)
		if c.screen.err != nil {
			return c.screen.err
		}
		if errors.Is(err, errEnd) {
			return nil
		}
	}
	if c.complete {
		return nil
	}
	return errCut
}

// show displays an event. Events with invalid JSON were cut off by a lost connection, and
// are ignored: they arrive again after resuming.
func (c *chat) show(e sse.Event) error {
	if e.Type == "done" || e.Data == "[DONE]" || e.Data == `"[DONE]"` {
		return errEnd
	}
	if !gjson.Valid(e.Data) {
		return nil
	}
	c.client.received(e.LastEventID)
	data := gjson.Parse(e.Data)
	c.conversationID = cmp.Or(data.Get("conversation_id").String(), c.conversationID)
	switch e.Type {
	case "conversation.message.delta":
		c.showDelta(data)
	case "conversation.message.completed":
		c.showCompleted(data)
	case "conversation.chat.completed":
		c.complete = true
	case "conversation.chat.failed":
		c.fail(newServerError(data.Get("last_error"), c.client.logID))
	case "conversation.chat.requires_action":
		c.fail(errors.New("the bot requires the result of a tool, which this client cannot provide"))
	case "error":
		c.fail(newServerError(data, c.client.logID))
	}
	return nil
}

// fail records the first error of the stream.
func (c *chat) fail(err error) {
	c.complete = true
	if c.failed == nil {
		c.failed = err
	}
}

// showDelta displays reasoning or the text of an answer. Cards and other content types
// are skipped.
func (c *chat) showDelta(delta gjson.Result) {
	c.screen.show(reasoning, delta.Get("reasoning_content").String())
	if text := delta.Get("content").String(); text != "" && isText(delta) {
		c.typed = true
		c.showAnswer(text)
	}
}

// showCompleted ends a message. A message without deltas is displayed as a whole.
func (c *chat) showCompleted(message gjson.Result) {
	switch {
	case message.Get("type").String() == "follow_up":
		c.followUps = append(c.followUps, message.Get("content").String())
	case isText(message):
		if !c.typed {
			c.showAnswer(message.Get("content").String())
		}
		c.typed = false
		c.screen.endMessage()
	}
}

func (c *chat) showAnswer(text string) {
	c.text.WriteString(text)
	c.screen.show(answer, text)
}

// isText reports whether a message is an answer in text, the default of both fields.
func isText(message gjson.Result) bool {
	kind, contentType := message.Get("type"), message.Get("content_type")
	return (!kind.Exists() || kind.String() == "answer") && (!contentType.Exists() || contentType.String() == "text")
}

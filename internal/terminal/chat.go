package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"
)

// stopTimeout is how long stopping a chat may take.
const stopTimeout = 2 * time.Second

// maxEvent is the largest event that is read, in bytes.
const maxEvent = 64 << 20

// Run asks and types the answer until it has ended. When ctx is done or nobody reads
// any more, the chat is stopped at the server, too: the former is [ErrInterrupted], the
// latter no error if it was a pipe that was closed.
//
// transport is how the server is reached; see [NewTransport].
func Run(ctx context.Context, o Options, t Terminal, transport http.RoundTripper) error {
	if err := o.validate(); err != nil {
		return err
	}
	message, err := o.message(t.In)
	if err != nil {
		return err
	}
	c := &chat{link: newLink(o, transport), screen: screen{Terminal: t}}
	err = c.run(ctx, message)
	c.screen.endLine()
	if ctx.Err() != nil {
		err = ErrInterrupted
	} else if c.screen.err != nil {
		err = c.screen.err
	}
	if errors.Is(err, ErrInterrupted) || c.screen.err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		c.link.stop(stopping)
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// chat is one question and what is shown of its answer.
type chat struct {
	link   *link
	screen screen

	typed     bool     // the message has come in deltas
	followUps []string // offered so far
	over      bool     // the stream may end without more
	failed    error    // what the stream told went wrong
}

// run reads the stream, over as many connections as it takes.
func (c *chat) run(ctx context.Context, message string) error {
	body, err := c.link.ask(ctx, message)
	for err == nil {
		err = c.read(body)
		_ = body.Close() // it has been read as far as it is wanted
		if !errors.Is(err, errCut) {
			break
		}
		body, err = c.link.resume(ctx)
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

// errEnd is returned by show for the event that ends a stream.
var errEnd = errors.New("the stream has ended")

// read shows what one connection brings. It returns nil when the stream has ended, and
// errCut when only the connection has.
func (c *chat) read(body io.Reader) error {
	for e, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		switch {
		case errors.Is(err, bufio.ErrTooLong):
			return fmt.Errorf("the server sent an event of more than %d bytes", maxEvent)
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
	if c.over {
		return nil
	}
	return errCut
}

// show shows an event. Of one that was cut off, the data is not JSON: it has not been
// seen.
func (c *chat) show(e sse.Event) error {
	if e.Type == "done" || e.Data == "[DONE]" || e.Data == `"[DONE]"` {
		return errEnd
	}
	if !gjson.Valid(e.Data) {
		return nil
	}
	c.link.seen(e.LastEventID)
	about := gjson.Parse(e.Data)
	switch e.Type {
	case "conversation.message.delta":
		c.showDelta(about)
	case "conversation.message.completed":
		c.showCompleted(about)
	case "conversation.chat.completed":
		c.over = true
	case "conversation.chat.failed":
		c.fail(newFailure(about.Get("last_error"), c.link.logID))
	case "conversation.chat.requires_action":
		c.fail(errors.New("the bot asks for the result of a tool, which cannot be given from a terminal"))
	case "error":
		c.fail(newFailure(about, c.link.logID))
	}
	return nil
}

// fail notes why there is no more of the answer.
func (c *chat) fail(err error) {
	c.over = true
	if c.failed == nil {
		c.failed = err
	}
}

// showDelta types a part of a message: its reasoning, or an answer's text. A card, and
// the like, is not for a terminal.
func (c *chat) showDelta(delta gjson.Result) {
	c.screen.show(reasoning, delta.Get("reasoning_content").String())
	if text := delta.Get("content").String(); text != "" && isText(delta) {
		c.typed = true
		c.screen.show(answer, text)
	}
}

// showCompleted ends a message. One that did not come in deltas is shown now.
func (c *chat) showCompleted(message gjson.Result) {
	switch {
	case message.Get("type").String() == "follow_up":
		c.followUps = append(c.followUps, message.Get("content").String())
	case isText(message):
		if !c.typed {
			c.screen.show(answer, message.Get("content").String())
		}
		c.typed = false
		c.screen.endMessage()
	}
}

// isText reports whether a message is an answer in words. What does not say is.
func isText(message gjson.Result) bool {
	kind, contentType := message.Get("type"), message.Get("content_type")
	return (!kind.Exists() || kind.String() == "answer") && (!contentType.Exists() || contentType.String() == "text")
}

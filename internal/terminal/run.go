package terminal

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"time"
)

// stopTimeout bounds the request that stops a chat. A second signal ends the client at once.
const stopTimeout = 10 * time.Second

// Run sends the message and writes the answer to t until the answer ends. Lost connections
// are resumed. If ctx is done or t.Out fails, Run also stops the chat at the server; the
// error is then [ErrInterrupted] or the write error. A closed pipe is not an error.
//
// See [NewTransport] for a suitable transport.
func Run(ctx context.Context, o Options, t Terminal, transport http.RoundTripper) error {
	s, err := newSession(o, t, transport)
	if err != nil {
		return err
	}
	message, err := o.message(t.In)
	if err != nil {
		return err
	}
	if err = s.ask(ctx, context.WithoutCancel(ctx), message); err == nil {
		s.reportConversation()
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// session is a sequence of questions of one conversation.
type session struct {
	options   Options
	screen    screen
	transport http.RoundTripper
	last      lastConversations

	conversationID string
	history        []message // of a server without conversations
}

// message is a message of a conversation, in a chat request.
type message struct {
	Role        string `json:"role"`
	Content     string `json:"content"`
	ContentType string `json:"content_type"`
}

func newSession(o Options, t Terminal, transport http.RoundTripper) (*session, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &session{
		options: o, screen: screen{Terminal: t}, transport: transport,
		last: lastConversations{path: t.Conversations}, conversationID: o.ConversationID,
	}
	if o.Continue {
		var err error
		if s.conversationID, err = s.last.load(o.URL); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ask sends a question and displays the answer. If ctx is done, ask stops the chat, at most
// until stopCtx is done, and returns [ErrInterrupted].
func (s *session) ask(ctx, stopCtx context.Context, question string) error {
	c := &chat{client: newClient(s.options, s.transport), screen: &s.screen}
	c.client.conversationID, c.client.history = s.conversationID, s.history
	err := c.run(ctx, question)
	s.screen.endLine()
	switch {
	case ctx.Err() != nil:
		err = ErrInterrupted
	case s.screen.err != nil:
		err = s.screen.err
	}
	if errors.Is(err, ErrInterrupted) || s.screen.err != nil {
		stopping, cancel := context.WithTimeout(stopCtx, stopTimeout)
		defer cancel()
		c.client.stop(stopping)
	}
	s.remember(question, c)
	return err
}

// remember keeps the id of the conversation. Without an id, the server keeps no
// conversations, and the next question brings the messages so far.
func (s *session) remember(question string, c *chat) {
	switch {
	case c.conversationID != "":
		if s.conversationID != c.conversationID {
			s.conversationID = c.conversationID
			s.last.save(s.options.URL, c.conversationID)
		}
	case c.text.Len() > 0:
		s.history = append(s.history, message{"user", question, "text"}, message{"assistant", c.text.String(), "text"})
	}
}

// reportConversation shows how a new conversation is continued.
func (s *session) reportConversation() {
	if id := s.conversationID; id != "" && id != s.options.ConversationID && !s.options.Continue {
		s.screen.remark("conversation " + id + ", to be continued with --continue")
	}
}

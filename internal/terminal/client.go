package terminal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Retries of a lost connection, with exponential backoff. Together they take about 25
// seconds, since servers keep a stream for 30 by default. Any event resets the backoff.
const (
	maxAttempts = 10
	minBackoff  = 200 * time.Millisecond
	maxBackoff  = 5 * time.Second
)

var (
	errCut      = errors.New("connection lost in the middle of the answer")
	errFinished = errors.New("no events left")
)

// client starts, resumes and stops one stream at the server. It is not safe for concurrent
// use.
type client struct {
	options        Options
	base           string
	http           *http.Client
	conversationID string    // to continue; empty for a new one
	history        []message // before the message, for servers without conversations

	streamID    string // empty before the start, and for servers without event ids
	lastEventID string
	logID       string
	attempts    int // since the last event
}

func newClient(o Options, transport http.RoundTripper) *client {
	return &client{
		options: o,
		base:    strings.TrimRight(o.URL, "/"),
		http: &http.Client{
			Transport: transport,
			// A redirect may turn the POST into a GET without the message.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// NewTransport returns a transport for streams. TCP keep-alive probes detect an unreachable
// server within half a minute.
func NewTransport() *http.Transport {
	dialer := net.Dialer{
		Timeout: maxBackoff,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: maxBackoff, Interval: maxBackoff, Count: 3,
		},
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: maxBackoff,
		DisableCompression:  true, // compression would delay events
		ForceAttemptHTTP2:   true,
	}
}

// received records the id of the last event, if it has one, and resets the backoff.
func (c *client) received(id string) {
	c.lastEventID = cmp.Or(id, c.lastEventID)
	c.attempts = 0
}

// start sends the message and returns the event stream. A message without a bot id or
// history is plain text: the server then adds its own bot.
func (c *client) start(ctx context.Context, text string) (io.ReadCloser, error) {
	query := url.Values{}
	if c.conversationID != "" {
		query.Set("conversation_id", c.conversationID)
	}
	body, contentType := []byte(text), "text/plain; charset=utf-8"
	switch {
	case c.options.BotID != "" || len(c.history) > 0:
		body, contentType = c.chatBody(text), "application/json"
	case c.options.UserID != "":
		query.Set("user_id", c.options.UserID)
	}
	target := c.base + "/v3/chat"
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	res, err := c.send(req)
	if err != nil {
		return nil, err
	}
	c.streamID, c.logID = res.Header.Get("Typewriter-Stream"), res.Header.Get(headerLogID)
	return c.events(res)
}

// chatBody returns the body of a chat request.
func (c *client) chatBody(text string) []byte {
	body, _ := json.Marshal(struct { // cannot fail for strings
		Messages []message `json:"additional_messages"`
		Save     bool      `json:"auto_save_history"`
		BotID    string    `json:"bot_id,omitempty"`
		Stream   bool      `json:"stream"`
		UserID   string    `json:"user_id"`
	}{
		append(slices.Clone(c.history), message{"user", text, "text"}), true, c.options.BotID, true,
		cmp.Or(c.options.UserID, defaultUserID),
	})
	return body
}

// send sends a request with the headers common to all requests.
func (c *client) send(req *http.Request) (*http.Response, error) {
	for name, value := range map[string]string{
		"Accept":               "text/event-stream",
		"User-Agent":           "sse-typewriter",
		"Typewriter-Event-Ids": "on",
		"Typewriter-Mode":      c.options.Mode,
		"Typewriter-Speed":     c.options.Speed,
		"Typewriter-Max-Lag":   c.options.MaxLag,
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if c.options.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	res, err := c.http.Do(req)
	if err == nil {
		return res, nil
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // the URL contains the message
	}
	if refused := (*net.OpError)(nil); errors.As(err, &refused) && refused.Op == "dial" {
		return nil, fmt.Errorf("cannot reach %s (%w): start the server with sse-typewriter serve, or set its address with --url", c.base, err)
	}
	return nil, fmt.Errorf("no response from %s: %w", c.base, err)
}

// events returns the body of a reply with a stream, or an error for any other reply.
func (c *client) events(res *http.Response) (io.ReadCloser, error) {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.StatusCode == http.StatusOK && kind == "text/event-stream" {
		return res.Body, nil
	}
	defer res.Body.Close() //nolint:errcheck // already read
	return nil, replyError(res)
}

// resume reconnects to the stream after the last received event. It returns errFinished if
// there are no further events, and errCut if the stream is gone or unreachable.
func (c *client) resume(ctx context.Context) (io.ReadCloser, error) {
	if c.streamID == "" {
		return nil, errCut
	}
	for ; c.attempts < maxAttempts; c.attempts++ {
		backoff := time.Duration(0)
		if c.attempts > 0 {
			backoff = min(minBackoff<<(c.attempts-1), maxBackoff)
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff):
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		res, err := c.attach(ctx)
		switch {
		case err != nil: // retry
		case res.StatusCode >= http.StatusInternalServerError, res.StatusCode == http.StatusTooManyRequests:
			_ = res.Body.Close() // retry
		case res.StatusCode == http.StatusNoContent:
			_ = res.Body.Close() // empty
			if res.Header.Get("Typewriter-Resume") == "finished" {
				return nil, errFinished
			}
			return nil, errCut // the stream is gone
		default:
			c.attempts++ // reset by the first event
			return c.events(res)
		}
	}
	return nil, errCut
}

// attach requests the stream once.
func (c *client) attach(ctx context.Context) (*http.Response, error) {
	req, err := c.streamRequest(ctx, http.MethodGet)
	if err != nil {
		return nil, err
	}
	if c.lastEventID != "" {
		req.Header.Set("Last-Event-ID", c.lastEventID)
	}
	return c.send(req)
}

// stop stops the chat at the server. Errors are ignored: without a viewer, the server stops
// the chat itself after a while.
func (c *client) stop(ctx context.Context) {
	if c.streamID == "" {
		return
	}
	req, err := c.streamRequest(ctx, http.MethodDelete)
	if err != nil {
		return
	}
	if res, err := c.send(req); err == nil {
		_ = res.Body.Close() // empty
	}
}

func (c *client) streamRequest(ctx context.Context, method string) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, method, c.base+"/typewriter/streams/"+url.PathEscape(c.streamID), nil)
}

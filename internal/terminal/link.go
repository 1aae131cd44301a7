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
	"strings"
	"time"
)

// How often, and how long after one another, a lost connection is tried again: for
// about 25 seconds, since a server keeps a stream for 30 by default. Any event starts
// the count anew.
const (
	maxTries     = 10
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
)

var (
	errCut      = errors.New("the connection broke in the middle of the answer")
	errFinished = errors.New("all of the stream has been seen")
)

// link is the way to a stream at the server, whatever connection it comes over. It is
// not safe for concurrent use.
type link struct {
	options Options
	base    string
	http    *http.Client

	stream string // its id; empty: none, or of a server that has no ids
	last   string // id of the last event seen
	logID  string
	tries  int // since the last event
}

func newLink(o Options, transport http.RoundTripper) *link {
	return &link{
		options: o,
		base:    strings.TrimRight(o.URL, "/"),
		http: &http.Client{
			Transport: transport,
			// A POST that is redirected may become a GET, which asks something else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// NewTransport returns how servers are reached. A peer that is gone without a word is
// noticed within half a minute, in which its stream waits.
func NewTransport() *http.Transport {
	dialer := net.Dialer{
		Timeout: longestPause,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: longestPause, Interval: longestPause, Count: 3,
		},
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: longestPause,
		DisableCompression:  true, // events would wait in the compressor
		ForceAttemptHTTP2:   true,
	}
}

// seen notes the last event that was shown; empty: it has no id.
func (l *link) seen(id string) {
	l.last = cmp.Or(id, l.last)
	l.tries = 0
}

// ask begins the chat and returns its events. Without a bot of the client's own, the
// message goes in the query: there the server adds its bot.
func (l *link) ask(ctx context.Context, message string) (io.ReadCloser, error) {
	query := url.Values{}
	if l.options.ConversationID != "" {
		query.Set("conversation_id", l.options.ConversationID)
	}
	var body []byte
	if l.options.BotID != "" {
		body = chatBody(l.options.BotID, cmp.Or(l.options.UserID, defaultUserID), message)
	} else {
		query.Set("message", message)
		if l.options.UserID != "" {
			query.Set("user_id", l.options.UserID)
		}
	}
	target := l.base + "/v3/chat"
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := l.send(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusRequestURITooLong || res.StatusCode == http.StatusRequestHeaderFieldsTooLarge {
		_ = res.Body.Close() // not read
		return nil, errors.New("the message is too long for an address, in which it goes to the server's bot: name one with --bot-id")
	}
	l.stream, l.logID = res.Header.Get("Typewriter-Stream"), res.Header.Get(headerLogID)
	return l.events(res)
}

func chatBody(botID, userID, message string) []byte {
	body, _ := json.Marshal(map[string]any{ // strings always can be
		"bot_id": botID, "user_id": userID, "stream": true, "auto_save_history": true,
		"additional_messages": []map[string]string{{"role": "user", "content": message, "content_type": "text"}},
	})
	return body
}

// send sends a request with what all of them have.
func (l *link) send(req *http.Request) (*http.Response, error) {
	for name, value := range map[string]string{
		"Accept":               "text/event-stream",
		"User-Agent":           "sse-typewriter",
		"Typewriter-Event-Ids": "on",
		"Typewriter-Mode":      l.options.Mode,
		"Typewriter-Speed":     l.options.Speed,
		"Typewriter-Max-Lag":   l.options.MaxLag,
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if l.options.Token != "" {
		req.Header.Set("Authorization", "Bearer "+l.options.Token)
	}
	res, err := l.http.Do(req)
	if err == nil {
		return res, nil
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // the URL holds the message
	}
	if refused := (*net.OpError)(nil); errors.As(err, &refused) && refused.Op == "dial" {
		return nil, fmt.Errorf("cannot reach %s (%w): start it with sse-typewriter serve, or say where it is with --url", l.base, err)
	}
	return nil, fmt.Errorf("no answer from %s: %w", l.base, err)
}

// events returns the body of a reply that is a stream.
func (l *link) events(res *http.Response) (io.ReadCloser, error) {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.StatusCode == http.StatusOK && kind == "text/event-stream" {
		return res.Body, nil
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	return nil, refusal(res)
}

// resume connects again to the stream, after the last event that was seen. It returns
// errFinished when nothing came after that.
func (l *link) resume(ctx context.Context) (io.ReadCloser, error) {
	if l.stream == "" {
		return nil, errCut
	}
	for ; l.tries < maxTries; l.tries++ {
		pause := time.Duration(0)
		if l.tries > 0 {
			pause = min(firstPause<<(l.tries-1), longestPause)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		res, err := l.attach(ctx)
		switch {
		case err != nil: // may pass
		case res.StatusCode >= http.StatusInternalServerError, res.StatusCode == http.StatusTooManyRequests:
			_ = res.Body.Close() // may pass, too
		case res.StatusCode == http.StatusNoContent:
			_ = res.Body.Close() // empty
			if res.Header.Get("Typewriter-Resume") == "finished" {
				return nil, errFinished
			}
			return nil, errCut // the stream is gone
		default:
			l.tries++ // until an event comes
			return l.events(res)
		}
	}
	return nil, errCut
}

// attach asks for the stream.
func (l *link) attach(ctx context.Context) (*http.Response, error) {
	req, err := l.onStream(ctx, http.MethodGet)
	if err != nil {
		return nil, err
	}
	if l.last != "" {
		req.Header.Set("Last-Event-ID", l.last)
	}
	return l.send(req)
}

// stop has the chat end at the server. There is nobody to tell if that fails: the
// server stops it by itself, when nobody comes back.
func (l *link) stop(ctx context.Context) {
	if l.stream == "" {
		return
	}
	req, err := l.onStream(ctx, http.MethodDelete)
	if err != nil {
		return
	}
	if res, err := l.send(req); err == nil {
		_ = res.Body.Close() // empty
	}
}

func (l *link) onStream(ctx context.Context, method string) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, method, l.base+"/typewriter/streams/"+url.PathEscape(l.stream), nil)
}

package handler

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/upstream"
)

// DefaultMessage is asked when a request asks nothing.
const DefaultMessage = "你好，请介绍一下 Coze SSE"

// errBodyTooLarge names the bound that a request's body broke.
var errBodyTooLarge = errors.New("request body is too large")

// chatBody is a request that we make ourselves.
type chatBody struct {
	BotID              string        `json:"bot_id"`
	UserID             string        `json:"user_id"`
	Stream             bool          `json:"stream"`
	AutoSaveHistory    bool          `json:"auto_save_history"`
	AdditionalMessages []chatMessage `json:"additional_messages"`
}

type chatMessage struct {
	Role        string `json:"role"`
	Content     string `json:"content"`
	ContentType string `json:"content_type"`
}

// defaultBody makes the body of a request that brings none: its query may hold
// message (or q), bot_id and user_id.
func (h *Handler) defaultBody(c *app.RequestContext) ([]byte, error) {
	message := first(c.Query("message"), c.Query("q"), DefaultMessage)
	body := chatBody{
		BotID:           first(c.Query("bot_id"), h.BotID),
		UserID:          first(c.Query("user_id"), h.UserID),
		Stream:          true,
		AutoSaveHistory: true, // a conversation that goes on needs it
		AdditionalMessages: []chatMessage{
			{Role: "user", Content: message, ContentType: "text"},
		},
	}
	if body.BotID == "" {
		return nil, errors.New("bot_id is missing: pass bot_id in the query or start the server with --bot-id")
	}
	return marshal(body), nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// readBody returns the request's body, of which it reads no more than allowed.
func (h *Handler) readBody(c *app.RequestContext) ([]byte, error) {
	limit := h.MaxBodyBytes
	if n := c.Request.Header.ContentLength(); n > limit {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d", errBodyTooLarge, n, limit)
	}
	if !c.Request.IsBodyStream() {
		return c.Request.Body(), nil
	}
	body, err := io.ReadAll(io.LimitReader(c.RequestBodyStream(), int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read request body: %w", err)
	}
	if len(body) > limit {
		return nil, fmt.Errorf("%w: want at most %d bytes", errBodyTooLarge, limit)
	}
	return body, nil
}

// ownQuery are the parameters that defaultBody has put into the body.
var ownQuery = []string{"message", "q", "bot_id", "user_id"}

// upstreamQuery returns the query that goes upstream, byte for byte, without the
// parameters that are for us. An empty conversation_id, which coze-py sends, is
// left out: coze-studio refuses it.
func upstreamQuery(raw string, drop []string) string {
	pairs := strings.Split(raw, "&")
	pairs = slices.DeleteFunc(pairs, func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		return pair == "" || name == "conversation_id" && value == "" || slices.Contains(drop, name) ||
			slices.ContainsFunc(asks, func(a ask) bool { return a.query == name })
	})
	return strings.Join(pairs, "&")
}

// hopByHop are the headers that belong to one connection (RFC 9110, section
// 7.6.1), and the ones that the way upstream sets anew.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// upstreamHeader returns the headers that go upstream: the client's, without those
// that belong to its connection or are for us.
func upstreamHeader(c *app.RequestContext) http.Header {
	header := http.Header{}
	c.Request.Header.VisitAll(func(key, value []byte) {
		header.Add(string(key), string(value))
	})
	dropHopByHop(header)
	for _, name := range []string{"Host", "Content-Length", "Accept-Encoding", "Expect", "Last-Event-Id", "Prefer"} {
		header.Del(name)
	}
	for _, a := range asks {
		header.Del(a.header)
	}
	return header
}

// dropHopByHop removes the headers of a connection and those that Connection names.
func dropHopByHop(header http.Header) {
	for _, names := range header.Values("Connection") {
		for name := range strings.SplitSeq(names, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		header.Del(name)
	}
}

// chatRequest makes the upstream's request out of a client's; a body of none is
// made here.
func chatRequest(c *app.RequestContext, body []byte, drop []string) upstream.Request {
	req := upstream.Request{
		Method: http.MethodPost,
		Path:   "/v3/chat",
		Query:  upstreamQuery(string(c.Request.URI().QueryString()), drop),
		Header: upstreamHeader(c),
		Body:   body,
	}
	if req.Header.Get("Content-Type") == "" || drop != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

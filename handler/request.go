package handler

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// defaultMessage is asked when a request asks nothing.
const defaultMessage = "你好，请介绍一下 Coze SSE"

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

// newChatBody makes the body of a request that asks one thing. Defaults stand for
// the ids that are empty.
func (h *Handler) newChatBody(botID, userID, message string) (chatBody, error) {
	body := chatBody{
		BotID:           cmp.Or(botID, h.BotID),
		UserID:          cmp.Or(userID, h.UserID),
		Stream:          true,
		AutoSaveHistory: true, // a conversation that goes on needs it
		AdditionalMessages: []chatMessage{
			{Role: "user", Content: message, ContentType: "text"},
		},
	}
	if body.BotID == "" {
		return body, errors.New("bot_id is missing: pass bot_id or start the server with --bot-id")
	}
	return body, nil
}

// defaultBody makes the body of a request that brings none, or only plain text, which
// is what it asks: its query may hold message (or q), bot_id and user_id.
func (h *Handler) defaultBody(c *app.RequestContext, plain []byte) ([]byte, error) {
	message := cmp.Or(string(plain), c.Query("message"), c.Query("q"), defaultMessage)
	body, err := h.newChatBody(c.Query("bot_id"), c.Query("user_id"), message)
	if err != nil {
		return nil, err
	}
	return jsonx.Marshal(body), nil
}

// isPlainText reports whether a request's body is.
func isPlainText(c *app.RequestContext) bool {
	kind, _, err := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	return err == nil && kind == "text/plain"
}

// readBody returns the request's body. If it cannot be read, or is larger than
// allowed, it answers the client itself and reports false.
func (h *Handler) readBody(c *app.RequestContext) (body []byte, ok bool) {
	if !c.Request.IsBodyStream() {
		return c.Request.Body(), true
	}
	limit := h.MaxBodyBytes
	if c.Request.Header.ContentLength() <= limit {
		var err error
		body, err = io.ReadAll(io.LimitReader(newPatientReader(c), int64(limit)+1))
		switch {
		case errors.Is(err, errSlow):
			refuseSlow(c)
			return nil, false
		case err != nil:
			h.refuse(c, http.StatusBadRequest, codeBadRequest, "request body cannot be read")
			return nil, false
		}
		if len(body) <= limit {
			return body, true
		}
	}
	h.refuseLarge(c, int64(limit))
	return nil, false
}

// ownQuery are the parameters that defaultBody reads. The upstream gets none of them
// if a body was made of them.
var ownQuery = []string{"message", "q", "bot_id", "user_id"}

// upstreamQuery returns a query as it goes upstream: byte for byte, but without some
// parameters. An empty conversation_id, which coze-py sends, is always left out:
// coze-studio refuses it.
func upstreamQuery(raw string, without ...string) string {
	pairs := slices.DeleteFunc(strings.Split(raw, "&"), func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		return name == "conversation_id" && value == "" || slices.Contains(without, name)
	})
	return strings.Join(pairs, "&")
}

// hopByHop are the headers that belong to one connection (RFC 9110, section 7.6.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// notUpstream are headers that are set anew on the way upstream, or are for us.
var notUpstream = []string{"Host", "Content-Length", "Accept-Encoding", "Expect", "Last-Event-Id", "Prefer"}

// upstreamHeader returns the headers that go upstream: the client's, without those
// that belong to its connection or are for us, and with the credential that it may use.
func (h *Handler) upstreamHeader(c *app.RequestContext) http.Header {
	header := http.Header{}
	c.Request.Header.VisitAll(func(key, value []byte) {
		header.Add(string(key), string(value))
	})
	dropHopByHop(header)
	for _, name := range notUpstream {
		header.Del(name)
	}
	for _, a := range asks {
		header.Del(a.header)
	}
	h.setCredential(header)
	h.setForwarded(c, header)
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

// chatRequest makes the upstream's request out of a client's. A body of none, or of
// plain text, becomes one that the upstream knows.
func (h *Handler) chatRequest(c *app.RequestContext, body []byte) (upstream.Request, error) {
	without := h.withoutKey()
	for _, a := range asks {
		without = append(without, a.query)
	}
	header := h.upstreamHeader(c)
	if c.FullPath() == chatPath && (len(body) == 0 || isPlainText(c)) {
		var err error
		if body, err = h.defaultBody(c, body); err != nil {
			return upstream.Request{}, err
		}
		without = append(without, ownQuery...)
		header.Set("Content-Type", "application/json")
	}
	return upstream.Request{
		Method: http.MethodPost,
		Path:   c.FullPath(),
		Query:  upstreamQuery(string(c.Request.URI().QueryString()), without...),
		Header: header,
		Body:   body,
	}, nil
}

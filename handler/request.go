package handler

import (
	"cmp"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/access"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// defaultMessage is the message of a request without a message.
const defaultMessage = "你好，请介绍一下 Coze SSE"

// requestBuilder builds upstream requests from those of clients.
type requestBuilder struct {
	policy        *access.Policy
	botID, userID string // defaults
}

// chatBody is the body of a chat request made by the server.
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

// chatBody returns the body of a chat with a single message. Empty ids are replaced by the
// defaults.
func (b requestBuilder) chatBody(botID, userID, message string) (chatBody, error) {
	body := chatBody{
		BotID:           cmp.Or(botID, b.botID),
		UserID:          cmp.Or(userID, b.userID),
		Stream:          true,
		AutoSaveHistory: true, // for the next turn of the conversation
		AdditionalMessages: []chatMessage{
			{Role: "user", Content: message, ContentType: "text"},
		},
	}
	if body.BotID == "" {
		return body, errors.New("bot_id is missing: pass bot_id or start the server with --bot-id")
	}
	return body, nil
}

// defaultBody returns the body of a chat whose request has no JSON body. The message is
// the plain text of the request or the query parameter message (or q); the query may
// also have bot_id and user_id.
func (b requestBuilder) defaultBody(c *app.RequestContext, plain []byte) ([]byte, error) {
	message := cmp.Or(string(plain), c.Query("message"), c.Query("q"), defaultMessage)
	body, err := b.chatBody(c.Query("bot_id"), c.Query("user_id"), message)
	if err != nil {
		return nil, err
	}
	return jsonx.Marshal(body), nil
}

// isPlainText reports whether the body of a request is plain text.
func isPlainText(c *app.RequestContext) bool {
	kind, _, err := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	return err == nil && kind == "text/plain"
}

// readBody returns the body of a request. If the body is too large or cannot be read,
// readBody answers the client and reports false.
func (h *Handler) readBody(c *app.RequestContext) (body []byte, ok bool) {
	body, err := hertzio.ReadBody(c, h.options.MaxBodyBytes)
	if err != nil {
		h.errors.rejectBody(c, err, int64(h.options.MaxBodyBytes))
		return nil, false
	}
	return body, true
}

// ownQuery are the query parameters of defaultBody. The upstream gets them in the body
// only.
var ownQuery = []string{"message", "q", "bot_id", "user_id"}

// upstreamQuery returns a query without some parameters, otherwise byte for byte. An empty
// conversation_id is removed in any case: coze-py sends, and coze-studio rejects, the
// empty parameter.
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

// hopByHop are the headers of a connection (RFC 9110, section 7.6.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// notUpstream are headers for this server, or set anew for the upstream.
var notUpstream = []string{"Host", "Content-Length", "Accept-Encoding", "Expect", "Last-Event-Id", "Prefer"}

// header returns the header of an upstream request: the client's, without the headers of
// the connection and those for this server, and with the upstream's credential.
func (b requestBuilder) header(c *app.RequestContext) http.Header {
	header := http.Header{}
	c.Request.Header.VisitAll(func(key, value []byte) {
		header.Add(string(key), string(value))
	})
	dropHopByHop(header)
	for _, name := range notUpstream {
		header.Del(name)
	}
	for _, p := range paceParams {
		header.Del(p.header)
	}
	b.policy.SetUpstreamHeader(c, header)
	return header
}

// dropHopByHop removes the headers of a connection, including those named by the
// Connection header.
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

// chat returns the upstream request of a chat. An empty or plain-text body is replaced by
// a JSON body.
func (b requestBuilder) chat(c *app.RequestContext, body []byte) (upstream.Request, error) {
	without := b.policy.KeyParameters()
	for _, p := range paceParams {
		without = append(without, p.query)
	}
	header := b.header(c)
	if c.FullPath() == chatPath && (len(body) == 0 || isPlainText(c)) {
		var err error
		if body, err = b.defaultBody(c, body); err != nil {
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

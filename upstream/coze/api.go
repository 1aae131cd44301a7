package coze

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// maxReplyBytes bounds the size of a reply.
const maxReplyBytes = 16 << 20

// cancel implements [upstream.Format.Cancel]. The service does not cut the chat's stream.
func cancel(ctx context.Context, c *upstream.Client, opening upstream.Opening, chat upstream.Chat) (upstream.Usage, error) {
	req := upstream.Request{
		Method: http.MethodPost,
		Path:   pathCancel,
		Header: credentials(opening.Header),
		Body: jsonx.Marshal(struct {
			Conversation string `json:"conversation_id"`
			Chat         string `json:"chat_id"`
		}{chat.Conversation, chat.ID}),
	}
	req.Header.Set("Content-Type", "application/json")
	canceled, err := callAPI(ctx, c, req)
	if err != nil {
		return upstream.Usage{}, fmt.Errorf("cannot cancel chat: %w", err)
	}
	if usage := readUsage(canceled.Get("usage")); usage != nil {
		return *usage, nil
	}
	return upstream.Usage{}, nil
}

// chatQuery returns the query of a request about a chat.
func chatQuery(chat upstream.Chat) string {
	return "conversation_id=" + url.QueryEscape(chat.Conversation) + "&chat_id=" + url.QueryEscape(chat.ID)
}

// credentials returns a copy of the headers with a credential or with options of the
// service, for other requests about the same chat.
func credentials(header http.Header) http.Header {
	kept := http.Header{}
	for name, values := range header {
		if name := http.CanonicalHeaderKey(name); name == "Authorization" || strings.HasPrefix(name, "X-Coze-") {
			kept[name] = append(kept[name], values...)
		}
	}
	return kept
}

// callAPI sends a request and returns the data of the reply.
func callAPI(ctx context.Context, c *upstream.Client, req upstream.Request) (gjson.Result, error) {
	reply, err := c.Do(ctx, req)
	if err != nil {
		return gjson.Result{}, err
	}
	defer reply.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxReplyBytes+1))
	if err != nil {
		return gjson.Result{}, fmt.Errorf("cannot read the reply: %w", err)
	}
	failed := &upstream.ReplyError{Status: reply.Status}
	parsed := gjson.ParseBytes(body)
	switch code := parsed.Get("code").Int(); {
	case reply.Status != http.StatusOK:
	case len(body) > maxReplyBytes:
		failed.Detail = fmt.Sprintf(" and more than %d bytes", maxReplyBytes)
	case !gjson.ValidBytes(body):
		failed.Detail = " and no JSON"
	case code != 0:
		failed.Detail = fmt.Sprintf(" and code %d", code)
	default:
		return parsed.Get("data"), nil
	}
	return gjson.Result{}, failed
}

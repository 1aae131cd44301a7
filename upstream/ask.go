package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tidwall/gjson"
)

// maxReplyBytes is the size of the largest reply that is read.
const maxReplyBytes = 16 << 20

// Cancel stops a chat at the service. A stream of it is not cut by that.
func (c *Client) Cancel(ctx context.Context, header http.Header, chatID, conversationID string) error {
	req := Request{
		Method: http.MethodPost,
		Path:   pathCancel,
		Header: credentials(header),
		Body:   chatName{chatID, conversationID}.body(),
	}
	req.Header.Set("Content-Type", "application/json")
	if _, err := c.ask(ctx, req); err != nil {
		return fmt.Errorf("cannot cancel chat: %w", err)
	}
	return nil
}

// refusal is a reply that is not what was asked for.
type refusal struct {
	status int
	what   string
}

func (e *refusal) Error() string {
	return fmt.Sprintf("upstream answered with status %d%s", e.status, e.what)
}

// mayPass reports whether the same request could succeed later.
func mayPass(err error) bool {
	var refused *refusal
	return !errors.As(err, &refused) ||
		refused.status >= http.StatusInternalServerError || refused.status == http.StatusTooManyRequests
}

// ask sends a request and returns the data of its reply.
func (c *Client) ask(ctx context.Context, req Request) (gjson.Result, error) {
	reply, err := c.Do(ctx, req)
	if err != nil {
		return gjson.Result{}, err
	}
	defer reply.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxReplyBytes+1))
	if err != nil {
		return gjson.Result{}, fmt.Errorf("cannot read the reply: %w", err)
	}
	refused := &refusal{status: reply.Status}
	parsed := gjson.ParseBytes(body)
	switch code := parsed.Get("code").Int(); {
	case reply.Status != http.StatusOK:
	case len(body) > maxReplyBytes:
		refused.what = fmt.Sprintf(" and more than %d bytes", maxReplyBytes)
	case !gjson.ValidBytes(body):
		refused.what = " and no JSON"
	case code != 0:
		refused.what = fmt.Sprintf(" and code %d", code)
	default:
		return parsed.Get("data"), nil
	}
	return gjson.Result{}, refused
}

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
		Body:   chatRef{chatID, conversationID}.body(),
	}
	req.Header.Set("Content-Type", "application/json")
	if _, err := c.callAPI(ctx, req); err != nil {
		return fmt.Errorf("cannot cancel chat: %w", err)
	}
	return nil
}

// replyError is a reply that is not what was asked for.
type replyError struct {
	status int
	what   string
}

func (e *replyError) Error() string {
	return fmt.Sprintf("upstream answered with status %d%s", e.status, e.what)
}

// isRetryable reports whether the same request could succeed later.
func isRetryable(err error) bool {
	var refused *replyError
	return !errors.As(err, &refused) ||
		refused.status >= http.StatusInternalServerError || refused.status == http.StatusTooManyRequests
}

// callAPI sends a request and returns the data of its reply.
func (c *Client) callAPI(ctx context.Context, req Request) (gjson.Result, error) {
	reply, err := c.Do(ctx, req)
	if err != nil {
		return gjson.Result{}, err
	}
	defer reply.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxReplyBytes+1))
	if err != nil {
		return gjson.Result{}, fmt.Errorf("cannot read the reply: %w", err)
	}
	refused := &replyError{status: reply.Status}
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

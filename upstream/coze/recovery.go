package coze

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/upstream"
)

// longestPause is the longest pause between requests for the state of a chat.
const longestPause = 2 * time.Second

// maxFailures bounds the consecutive failures of retryable requests: the cause of the cut
// may last for a moment.
const maxFailures = 3

// recovery implements [upstream.Recovery]. A chat keeps running when the stream is cut. After
// the end of the chat, the service returns all messages.
type recovery struct {
	client   *upstream.Client
	header   http.Header // credentials
	progress progress
	post     bool // the service expects POST
}

func newRecovery(c *upstream.Client, opening upstream.Opening) upstream.Recovery {
	return &recovery{client: c, header: credentials(opening.Header)}
}

// Add implements [upstream.Recovery].
func (r *recovery) Add(e upstream.Event) { r.progress.add(e) }

// IsFinished implements [upstream.Recovery].
func (r *recovery) IsFinished() bool { return r.progress.finished }

// Rest implements [upstream.Recovery].
func (r *recovery) Rest(ctx context.Context) iter.Seq2[upstream.Event, error] {
	switch {
	case r.progress.ended:
		// Only audio can be missing, which cannot be fetched.
		return func(yield func(upstream.Event, error) bool) { yield(doneEvent(), nil) }
	case !r.progress.canRecover():
		return upstream.NoRest
	}
	return func(yield func(upstream.Event, error) bool) {
		chat, messages, err := r.awaitEnd(ctx)
		if err != nil {
			yield(upstream.Event{}, err)
			return
		}
		for e := range remainder(&r.progress, chat, messages) {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// awaitEnd waits for the end of the chat, and returns the chat and the messages.
func (r *recovery) awaitEnd(ctx context.Context) (chat, messages gjson.Result, err error) {
	failures, backoff := 0, upstream.Backoff{Longest: longestPause}
	for {
		if err := backoff.Wait(ctx); err != nil {
			return chat, messages, err
		}
		if !hasEnded(chat) {
			chat, err = r.get(ctx, pathRetrieve, gjson.Result.IsObject)
		}
		if hasEnded(chat) {
			messages, err = r.get(ctx, pathMessages, gjson.Result.IsArray)
			if err == nil && chat.Get("status").Str == statusCompleted && hasUnlisted(&r.progress, messages) {
				err = errUnlisted
			}
			if err == nil {
				return chat, messages, nil
			}
		}
		if err == nil {
			failures = 0
			continue
		}
		if failures++; failures == maxFailures || !upstream.IsRetryable(err) {
			return chat, messages, err
		}
	}
}

// errUnlisted reports a list without a message of the stream. A later list may be complete.
var errUnlisted = errors.New("a message that has begun is not listed")

// hasEnded reports whether the state of a chat is final.
func hasEnded(chat gjson.Result) bool {
	_, ok := chatEndings[chat.Get("status").String()]
	return ok
}

// get requests data about the chat, and checks the data with isValid. The documentation says
// GET, SDKs use POST: get remembers the method of the service.
func (r *recovery) get(ctx context.Context, path string, isValid func(gjson.Result) bool) (gjson.Result, error) {
	data, err := r.request(ctx, path)
	var failed *upstream.ReplyError
	if errors.As(err, &failed) && (failed.Status == http.StatusNotFound || failed.Status == http.StatusMethodNotAllowed) {
		r.post = !r.post
		data, err = r.request(ctx, path)
	}
	if err == nil && !isValid(data) {
		err = &upstream.ReplyError{Status: http.StatusOK, Detail: " and no data"}
	}
	return data, err
}

func (r *recovery) request(ctx context.Context, path string) (gjson.Result, error) {
	method := http.MethodGet
	if r.post {
		method = http.MethodPost
	}
	req := upstream.Request{Method: method, Path: path, Query: chatQuery(r.progress.chat), Header: r.header.Clone()}
	return callAPI(ctx, r.client, req)
}

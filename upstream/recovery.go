package upstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/typewriter"
)

// When a stream is cut, its chat goes on at the service: it can be asked how the chat
// stands and, once it has ended, what its messages are. What the stream has not told
// of that is told then, so that who reads the events sees nothing of the cut.

// The pauses before a chat is asked about: the first one, and the longest. Each is half
// as long again as the one before.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 2 * time.Second
)

// maxFailures is how many requests in a row may fail that could succeed later: what
// has cut the stream may last a little.
const maxFailures = 3

// Continue goes on with a chat whose stream was cut elsewhere: seen are the events
// that were recorded of it, as [Reply.Events] yielded them, and header is that of the
// request which opened it, whose credentials are used. It yields what follows, the
// last event being the one that ends the stream, or an error event; failure is as with
// [Reply.Events]. Nothing is yielded if what was seen ends the stream.
//
// The sequence can be read once. It reads seen when it is begun, and it ends when ctx
// does.
func (c *Client) Continue(ctx context.Context, header http.Header, seen iter.Seq[typewriter.Event]) (events iter.Seq[typewriter.Event], failure func() *Error) {
	r := recovery{client: c, header: credentials(header), progress: &progress{}}
	return withFailure(func(yield func(typewriter.Event) bool) *Error {
		for e := range seen {
			r.progress.add(e)
		}
		if r.progress.finished {
			return nil
		}
		return r.run(ctx, cutError(nil), yield)
	})
}

// ContinueChat is [Client.Continue] for a chat of which only the name is known: it yields
// all of it but its beginning.
func (c *Client) ContinueChat(ctx context.Context, header http.Header, chatID, conversationID string) (events iter.Seq[typewriter.Event], failure func() *Error) {
	r := recovery{client: c, header: credentials(header), progress: &progress{chat: chatRef{chatID, conversationID}}}
	return withFailure(func(yield func(typewriter.Event) bool) *Error { return r.run(ctx, cutError(nil), yield) })
}

// ChatOf tells which chat events are of, as [Reply.Chat] does.
func ChatOf(events iter.Seq[typewriter.Event]) (chatID, conversationID string) {
	seen := &progress{}
	for e := range events {
		if seen.add(e) {
			break
		}
	}
	return seen.chat.id, seen.chat.conversation
}

// recovery finds the rest of a stream that was cut.
type recovery struct {
	client   *Client
	header   http.Header
	progress *progress
	post     bool // the service wants POST
}

// run yields the rest of the stream. If there is none to be had it returns how the
// stream has ended without.
func (r *recovery) run(ctx context.Context, ended *Error, yield func(typewriter.Event) bool) *Error {
	switch {
	case r.client.RecoveryTimeout <= 0, r.progress.finished:
		return ended
	case r.progress.ended:
		// All has been told but, it may be, audio, which cannot be fetched.
		if !yield(DoneEvent()) {
			return apierror.TooLarge
		}
		return nil
	case !r.progress.canRecover():
		return ended
	}
	chat, messages, err := r.awaitEnd(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return canceledError(context.Cause(ctx))
	default:
		failed := *ended
		failed.Err = errors.Join(ended.Err, fmt.Errorf("cannot recover the answer: %w", err))
		return &failed
	}
	for e := range remainder(r.progress, chat, messages) {
		if !yield(e) {
			return apierror.TooLarge
		}
	}
	return nil
}

// awaitEnd waits until the chat has ended, and returns it and its messages.
func (r *recovery) awaitEnd(ctx context.Context) (chat, messages gjson.Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.client.RecoveryTimeout)
	defer cancel()
	failures := 0
	for pause := firstPause; ; pause = min(pause+pause/2, longestPause) {
		if err := sleep(ctx, pause); err != nil {
			return chat, messages, err
		}
		if !hasEnded(chat) {
			chat, err = r.get(ctx, pathRetrieve, gjson.Result.IsObject)
		}
		if hasEnded(chat) {
			messages, err = r.get(ctx, pathMessages, gjson.Result.IsArray)
			if err == nil && chat.Get("status").Str == statusCompleted && hasUnlisted(r.progress, messages) {
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
		if failures++; failures == maxFailures || !isRetryable(err) {
			return chat, messages, err
		}
	}
}

// errUnlisted is how it fails to find the rest of a message that is not listed. It may
// be, later.
var errUnlisted = errors.New("a message that has begun is not listed")

// hasEnded reports whether a chat is one that nothing will happen in any more.
func hasEnded(chat gjson.Result) bool {
	_, ok := chatEndings[chat.Get("status").String()]
	return ok
}

// sleep waits for a time; less, and with an error, when ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// get asks about the chat. The documentation says GET, SDKs use POST: the one that
// the service does not have is not used again. What comes must be of the right kind.
func (r *recovery) get(ctx context.Context, path string, isRight func(gjson.Result) bool) (gjson.Result, error) {
	data, err := r.request(ctx, path)
	var refused *replyError
	if errors.As(err, &refused) && (refused.status == http.StatusNotFound || refused.status == http.StatusMethodNotAllowed) {
		r.post = !r.post
		data, err = r.request(ctx, path)
	}
	if err == nil && !isRight(data) {
		err = &replyError{status: http.StatusOK, what: " and no data"}
	}
	return data, err
}

func (r *recovery) request(ctx context.Context, path string) (gjson.Result, error) {
	method := http.MethodGet
	if r.post {
		method = http.MethodPost
	}
	return r.client.callAPI(ctx, Request{Method: method, Path: path, Query: r.progress.chat.query(), Header: r.header.Clone()})
}

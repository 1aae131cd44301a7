package responses

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/openai"
)

// recovery implements [upstream.Recovery]. The service continues a stored response when the
// stream is cut, and sends the events after a sequence number again.
type recovery struct {
	stored     stored
	isStored   bool
	id         string
	isNamed    bool  // the events have names
	last       int64 // sequence number of the last event; -1 before the first one
	isFinished bool
}

func newRecovery(c *upstream.Client, opening upstream.Opening) upstream.Recovery {
	r := &recovery{last: -1}
	r.stored, r.isStored = newStored(c, opening)
	if after, err := strconv.ParseInt(r.stored.after(), 10, 64); err == nil {
		r.last = after
	}
	return r
}

// Add implements [upstream.Recovery].
func (r *recovery) Add(e upstream.Event) {
	r.isFinished = r.isFinished || e.Meaning.Phase != upstream.Running
	if e.Meaning.Chat.IsKnown() {
		r.id = e.Meaning.Chat.ID
	}
	if r.isStored && e.Frame != nil {
		r.isNamed = e.Frame.Name != ""
		if number, ok := numberOf(e.Event); ok {
			r.last = number
		}
	}
}

// numberOf returns the sequence number of an event.
func numberOf(e typewriter.Event) (number int64, ok bool) {
	v := gjson.Get(e.Payload(), "sequence_number")
	return v.Int(), v.Type == gjson.Number
}

// IsFinished implements [upstream.Recovery].
func (r *recovery) IsFinished() bool { return r.isFinished }

// Rest implements [upstream.Recovery].
func (r *recovery) Rest(ctx context.Context) iter.Seq2[upstream.Event, error] {
	if !r.isStored || r.id == "" && isCreate(r.stored.path) {
		return upstream.NoRest
	}
	return upstream.RestInAttempts(ctx, func(yield func(upstream.Event) bool) (isAhead bool, err error) {
		before := r.last
		err = r.proceed(ctx, yield)
		isAhead = r.last > before
		if err != nil && !isAhead {
			if e, ok := r.ending(ctx, err); ok {
				yield(e)
				return false, nil
			}
		}
		return isAhead, err
	})
}

// replay is the format of a stream's events that are sent again. A failure is not part of
// the stream.
var replay = &upstream.Format{
	Name:        "openai-responses",
	NewDecoder:  newDecoder,
	ReadError:   openai.Service().ReadError,
	ErrorEvents: func(*upstream.Error, upstream.Sent) []typewriter.Event { return nil },
}

// proceed yields the events after the last one up to the end of the stream, or until yield
// returns false. An error interrupts the events.
func (r *recovery) proceed(ctx context.Context, yield func(upstream.Event) bool) error {
	query := url.Values{"stream": {"true"}}
	if r.last >= 0 {
		query.Set(paramAfter, strconv.FormatInt(r.last, 10))
	}
	req := r.stored.request(http.MethodGet, r.id, "", query)
	req.Format = replay
	reply, err := r.stored.client.Do(ctx, req)
	if err != nil {
		return err
	}
	defer reply.Close()
	if !reply.IsStream() {
		return upstream.NewReplyError(reply.Status, reply.ReadError())
	}
	events, failure := reply.Events()
	for e := range events {
		if number, ok := numberOf(e.Event); ok && number <= r.last {
			continue // the service has sent it again all the same
		}
		r.Add(e)
		if !yield(e) {
			return nil
		}
	}
	if failed := failure(); failed != nil {
		return failed
	}
	return nil
}

// ending returns the event that ends the stream if the service has no more events because the
// response was cancelled or has failed. It reports false for any other cause of an attempt
// without an event.
func (r *recovery) ending(ctx context.Context, cause error) (e upstream.Event, ok bool) {
	var failed *upstream.Error
	isCut := errors.As(cause, &failed) && failed.Reason == apierror.Cut.Reason
	if upstream.IsRetryable(cause) && !isCut {
		return e, false
	}
	reply, err := r.stored.client.Do(ctx, r.stored.request(http.MethodGet, r.id, "", url.Values{}))
	if err != nil {
		return e, false
	}
	defer reply.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxStateBytes))
	if err != nil || reply.Status != http.StatusOK || !gjson.ValidBytes(body) {
		return e, false
	}
	eventType, ok := endings[gjson.GetBytes(body, "status").Str]
	name := ""
	if r.isNamed {
		name = eventType
	}
	data := newEvent(eventType, r.last+1, "response", json.RawMessage(body))
	return newDecoder().Decode(name, data), ok
}

// maxStateBytes bounds the state of a response, which has the request's instructions and the
// output.
const maxStateBytes = 16 << 20

// endings are the types of the events that end a stream, by the status of a response without
// more events. SDKs know no type for a cancelled response.
var endings = map[string]string{
	statusFailed:     "response.failed",
	statusIncomplete: "response.incomplete",
	statusCancelled:  "response.incomplete",
}

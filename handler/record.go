package handler

import (
	"context"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// recorder reads answers of the upstream into streams.
type recorder struct {
	live           *liveSettings
	streams        *streams.Registry
	observer       observer
	lifecycle      *lifecycle
	summaryTimeout time.Duration
}

// recording is a stream to be recorded.
type recording struct {
	ticket
	events iter.Seq[typewriter.Event]
	source streams.Source

	// chat returns the chat of the stream, once known.
	chat func() upstream.Chat

	// close is called when the stream has ended, with the error of recording.
	close func(error)
}

// record starts to record a stream.
func (r *recorder) record(rec recording) *streams.Stream {
	source, released := r.observer.timeCancel(rec.source)
	s := r.streams.Open(streams.Opening{ID: rec.id, Owner: rec.owner, Resumable: rec.resumable, Start: rec.start, Source: source})
	s.AddConversation(rec.owner, rec.conversation)
	// The goroutine ends with the upstream's stream, at the latest by a cancellation.
	r.lifecycle.inflight.Go(func() {
		defer rec.release()
		defer released() // after the upstream has been released
		rec.close(s.Record(withConversation(s, rec, r.observer.countFailure(rec.events, source))))
	})
	return s
}

// withConversation adds a stream to the conversation of its chat as soon as an event names
// the conversation.
func withConversation(s *streams.Stream, rec recording, events iter.Seq[typewriter.Event]) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		known := false
		for e := range events {
			if chat := rec.chat; !known && chat().Conversation != "" {
				s.AddConversation(rec.owner, chat().Conversation)
				known = true
			}
			if !yield(e) {
				return
			}
		}
	}
}

// origin is the origin of a chat: its upstream, its format, its opening, and the counter of
// its tokens, which is set when the chat is recorded.
type origin struct {
	upstream *Upstream
	format   *upstream.Format
	opening  upstream.Opening
	tokens   *tokenCounter
}

// stored returns the origin as it is stored with a stream. The prefix precedes the name of the
// format.
func (o origin) stored(prefix string) streams.Origin {
	return streams.Origin{Upstream: o.upstream.Prefix, Format: prefix + o.format.Name, Note: o.opening.Note}
}

// openedChat is a chat with the beginning of an answer.
type openedChat struct {
	ticket
	reply  *upstream.Reply
	origin origin
	asked  time.Time          // when the request was sent
	cancel context.CancelFunc // ends the context of the reply
}

// recordChat starts to record the answer of a chat.
func (r *recorder) recordChat(chat openedChat) *streams.Stream {
	format := chat.origin.format
	chat.origin.tokens = r.observer.newTokenCounter(chat.id, chat.origin.stored(""), chat.key)
	events, failure := chat.reply.Events()
	source, canceled := r.source(chat.origin, chat.reply.Chat(), failure, chat.cancel)
	source.LogID = chat.reply.Header.Get(format.RequestIDHeader)
	source.Origin = chat.origin.stored("")
	events = chat.origin.tokens.collect(r.observer.timeFirstText(events, chat.origin.upstream, chat.asked))
	return r.record(recording{
		ticket: chat.ticket,
		events: ending{canceled: canceled, last: stoppedEvents(format)}.of(upstream.Typed(events)),
		source: source,
		chat:   chat.reply.Chat(),
		close: func(err error) {
			defer chat.cancel()
			if err != nil {
				chat.reply.Close()
				return
			}
			chat.reply.Drain()
		},
	})
}

// ending ends a canceled stream in order.
type ending struct {
	canceled *atomic.Bool

	// sent is the part of the stream before the events.
	sent upstream.Sent

	// last returns the last events.
	last func(upstream.Sent) []typewriter.Event
}

// stoppedEvents returns a function for [ending.last].
func stoppedEvents(format *upstream.Format) func(upstream.Sent) []typewriter.Event {
	return func(sent upstream.Sent) []typewriter.Event {
		switch {
		case format.Stopped != nil:
			return format.Stopped(sent)
		case format.Done.Frame != nil:
			return []typewriter.Event{format.Done}
		default:
			return nil
		}
	}
}

// of returns the events of a stream up to its cancellation, and the last events.
func (n ending) of(events iter.Seq[typewriter.Event]) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		sent := n.sent
		for e := range events {
			if n.canceled.Load() {
				for _, e := range n.last(sent) {
					if !yield(e) {
						return
					}
				}
				return
			}
			sent.Add(e)
			if !yield(e) {
				return
			}
		}
	}
}

// source returns the source of a chat's events. canceled becomes true when the source is
// canceled; a canceled source has not failed.
func (r *recorder) source(
	o origin, chat func() upstream.Chat, failure func() *apierror.Error, stop context.CancelFunc,
) (source streams.Source, canceled *atomic.Bool) {
	canceled = &atomic.Bool{}
	return streams.Source{
		Stop: stop,
		Cancel: func(ctx context.Context) {
			canceled.Store(true)
			stop()
			if chat := chat(); chat.IsKnown() {
				r.cancelChat(o)(ctx, chat)
			}
		},
		Failure: func() (reason string, cause error) {
			if failed := failure(); failed != nil && !canceled.Load() {
				return failed.Reason, failed.Err
			}
			return "", nil
		},
		View: o.tokens.view,
	}, canceled
}

// cancelChat returns a function that cancels a chat at its service, if the service can, and
// counts the tokens that the service reports then.
func (r *recorder) cancelChat(o origin) func(context.Context, upstream.Chat) {
	return func(ctx context.Context, chat upstream.Chat) {
		if o.format.Cancel != nil {
			usage, _ := o.format.Cancel(ctx, o.upstream.Client, o.opening, chat) // the chat may have ended
			o.tokens.count(usage)
		}
	}
}

// summaryPrefix precedes the name of the chat's format in the format of a stream that is
// the progress of a summary.
const summaryPrefix = "summary/"

// followUp returns the header of requests about a chat, with the credential of a client.
type followUp func(*Upstream, *upstream.Format) http.Header

// proceed continues a stream of a lost replica. See [streams.Continue].
func (r *recorder) proceed(
	ctx context.Context, header followUp, from streams.Origin, recorded iter.Seq[typewriter.Event],
) (iter.Seq[typewriter.Event], streams.Source) {
	upstreams := r.live.Load().upstreams
	u, format := upstreams.find(from), upstreams.format(from)
	o := origin{u, format, upstream.Opening{Header: header(u, format), Note: from.Note}, r.observer.newTokenCounter("", from, "")}
	if strings.HasPrefix(from.Format, summaryPrefix) {
		if events, source, ok := r.proceedSummary(ctx, o, recorded); ok {
			source.Origin = from
			return r.observer.countFailure(events, source), source
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	events, failure := u.Client.Continue(ctx, o.format, o.opening, recorded)
	known := o.format.ChatOf(recorded)
	sent := upstream.SentIn(recorded)
	source, canceled := r.source(o, func() upstream.Chat { return known }, failure, cancel)
	source.Origin, source.Conversation = from, known.Conversation
	return r.observer.countFailure(ending{canceled, sent, stoppedEvents(o.format)}.of(upstream.Typed(o.tokens.collect(events))), source), source
}

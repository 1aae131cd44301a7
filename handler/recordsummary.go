package handler

import (
	"context"
	"iter"
	"net/http"
	"sync/atomic"
	"time"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/summary"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// chatJob is a summary and the first chat of the summary.
type chatJob struct {
	job    *summary.Job
	header http.Header
	body   chatBody
}

// recordSummary starts a summary and records the progress.
func (r *recorder) recordSummary(t ticket, j chatJob) *streams.Stream {
	ctx, cancel := context.WithCancel(r.lifecycle.shutdownCtx)
	var current atomic.Pointer[upstream.Reply] // nil: no reply yet
	j.job.Open = func(ctx context.Context) (iter.Seq[typewriter.Event], func(), error) {
		asked := time.Now()
		reply, err := r.upstream.Do(ctx, upstream.Request{
			Method: http.MethodPost, Path: chatPath, Header: j.header.Clone(), Body: jsonx.Marshal(j.body),
		})
		if err != nil {
			return nil, nil, err
		}
		if !reply.IsStream() {
			defer reply.Close()
			return nil, nil, reply.Refusal()
		}
		current.Store(reply)
		events, _ := reply.Events() // the last event reports a failure
		return r.observer.timeFirstText(events, asked), reply.Drain, nil
	}
	chat := func() (chatID, conversationID string) {
		if reply := current.Load(); reply != nil {
			return reply.Chat()()
		}
		return "", ""
	}
	j.job.Cancel = r.cancelChat(j.header)
	source, canceled := r.source(j.header, chat, j.job.Failure, cancel)
	return r.record(recording{
		ticket: t,
		events: untilCanceled(j.job.Events(ctx), canceled, j.job.Stopped),
		source: source,
		close: func(error) {
			defer cancel()
			j.job.Close(ctx)
		},
	})
}

// proceedSummary is proceed for the progress of a summary, and reports false for any other
// stream.
func (r *recorder) proceedSummary(ctx context.Context, header http.Header, seen iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source, bool) {
	job := &summary.Job{Timeout: r.summaryTimeout, Cancel: r.cancelChat(header)}
	id, conversationID, ok := job.Resume(seen)
	if !ok {
		return nil, streams.Source{}, false
	}
	ctx, cancel := context.WithCancel(ctx)
	job.Open = func(ctx context.Context) (iter.Seq[typewriter.Event], func(), error) {
		events, _ := r.upstream.ContinueChat(ctx, header, id, conversationID)
		return events, func() {}, nil
	}
	chat := func() (string, string) { return id, conversationID }
	source, canceled := r.source(header, chat, job.Failure, cancel)
	events := untilCanceled(job.Events(ctx), canceled, job.Stopped)
	return func(yield func(typewriter.Event) bool) {
		defer job.Close(ctx)
		events(yield)
	}, source, true
}

package handler

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/summary"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// chatJob is a summary and the request that opens its chat.
type chatJob struct {
	job      *summary.Job
	request  upstream.Request
	upstream *Upstream
}

// recordSummary starts a summary and records the progress.
func (r *recorder) recordSummary(t ticket, j chatJob) *streams.Stream {
	ctx, cancel := context.WithCancel(r.lifecycle.shutdownCtx)
	o := origin{upstream: j.upstream, format: j.request.Format, opening: j.request.Opening()}
	o.tokens = r.observer.newTokenCounter(t.id, o.stored(summaryPrefix), t.key)
	var current atomic.Pointer[upstream.Reply] // nil: no reply yet
	j.job.Open = func(ctx context.Context) (iter.Seq[upstream.Event], func(), error) {
		asked := time.Now()
		reply, err := j.upstream.Client.Do(ctx, j.request)
		if err != nil {
			return nil, nil, err
		}
		if !reply.IsStream() {
			defer reply.Close()
			return nil, nil, reply.ReadError()
		}
		current.Store(reply)
		events, _ := reply.Events() // the last event reports a failure
		return o.tokens.collect(r.observer.timeFirstText(events, j.upstream, asked)), reply.Drain, nil
	}
	chat := func() upstream.Chat {
		if reply := current.Load(); reply != nil {
			return reply.Chat()()
		}
		return upstream.Chat{}
	}
	j.job.Cancel = r.cancelChat(o)
	source, canceled := r.source(o, chat, j.job.Failure, cancel)
	source.Origin = o.stored(summaryPrefix)
	return r.record(recording{
		ticket: t,
		events: ending{canceled: canceled, last: stoppedSummary(j.job)}.of(j.job.Events(ctx)),
		source: source,
		chat:   chat,
		close: func(error) {
			defer cancel()
			j.job.Close(ctx)
		},
	})
}

// stoppedSummary returns a function for [ending.last].
func stoppedSummary(job *summary.Job) func(upstream.Sent) []typewriter.Event {
	return func(upstream.Sent) []typewriter.Event { return []typewriter.Event{job.Stopped()} }
}

// proceedSummary is proceed for a stream of a summary's progress. It reports false if the
// recorded events have no progress, or contain the end.
func (r *recorder) proceedSummary(ctx context.Context, o origin, recorded iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source, bool) {
	job := &summary.Job{Timeout: r.summaryTimeout, Cancel: r.cancelChat(o)}
	known, ok := job.Resume(recorded)
	if !ok {
		return nil, streams.Source{}, false
	}
	ctx, cancel := context.WithCancel(ctx)
	job.Open = func(ctx context.Context) (iter.Seq[upstream.Event], func(), error) {
		events, _ := o.upstream.Client.ContinueChat(ctx, o.format, o.opening, known)
		return o.tokens.collect(events), func() {}, nil
	}
	source, canceled := r.source(o, func() upstream.Chat { return known }, job.Failure, cancel)
	events := ending{canceled: canceled, last: stoppedSummary(job)}.of(job.Events(ctx))
	return func(yield func(typewriter.Event) bool) {
		defer job.Close(ctx)
		events(yield)
	}, source, true
}

package redisstore

import (
	"context"
	"errors"
	"time"

	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
)

// errTooLarge is returned for a stream that has outgrown its bound in Redis.
var errTooLarge = errors.New("the stream is larger than one may be in Redis")

// openAfter is how long readers wait for what cannot be written before they see it all
// the same. It is more than one command may take that Redis is only late with: what they
// see unwritten, no other replica can go on from.
const openAfter = redisconn.MaxWait

// Write implements [streams.Store].
func (s *Store) Write(ctx context.Context, id string, feed streams.Feed) error {
	defer feed.Barrier.Open()
	defer s.hearAsks(id, feed)()
	w := writer{store: s, id: id, feed: feed, next: feed.Written}
	refresh := time.NewTicker(leaseRefresh)
	defer refresh.Stop()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-feed.Barrier.Ready():
		case <-refresh.C:
		case <-retry.C:
		case <-ctx.Done():
			return w.finish(context.WithoutCancel(ctx))
		}
		began := time.Now()
		over, err := w.write(ctx)
		if !errors.Is(err, streams.ErrUnavailable) {
			w.failing = time.Time{}
		}
		switch {
		case errors.Is(err, streams.ErrUnavailable):
			if w.failing.IsZero() {
				w.failing = began
			}
			if time.Since(w.failing) >= openAfter {
				feed.Barrier.Open()
			}
			retry.Reset(redisconn.RetryEvery)
		case err != nil && ctx.Err() == nil:
			if errors.Is(err, errTooLarge) {
				s.remove(ctx, id)
			}
			s.Logger.Warn("stream is not shared any more", "stream", id, "error", err)
			return err
		case over:
			return nil
		}
		if feed.Barrier.Freed() {
			return streams.ErrGone
		}
	}
}

// writer writes one stream.
type writer struct {
	store *Store
	id    string
	feed  streams.Feed
	next  int // the entry to be written next
	bytes int // that took, about

	failing time.Time // since when nothing can be written; zero: it can
}

// write writes all that is there, and reports whether nothing can follow.
func (w *writer) write(ctx context.Context) (over bool, err error) {
	for {
		b, err := w.batch()
		if err != nil {
			return false, err
		}
		p, err := w.store.append(ctx, w.id, w.feed.Metadata, b)
		if err != nil {
			return false, err
		}
		if p.skip {
			w.feed.OnCommand(streams.CommandSkip)
		}
		if p.stop {
			w.feed.OnCommand(streams.CommandStop)
		}
		n, ended := w.feed.Barrier.Len()
		switch {
		case b.ended && p.last == n+1:
			return true, nil
		case p.last < b.before:
			w.next, w.bytes = p.last, 0 // Redis has lost what it had
			continue
		}
		w.next, w.bytes = min(p.last, n), b.bytes
		if w.next == n && !ended {
			w.feed.Barrier.Shut()
		}
		w.feed.Barrier.Advance(w.next)
		if w.next == n && !ended {
			return false, nil
		}
	}
}

// batch returns what follows, as much as may be written at once.
func (w *writer) batch() (batch, error) {
	b := batch{before: w.next}
	var frame *typewriter.Frame
	if w.next > 0 {
		before, _, ok := w.feed.Barrier.Read(w.next - 1)
		if !ok {
			return b, streams.ErrGone
		}
		frame = before.Frame
	}
	n, ended := w.feed.Barrier.Len()
	bytes := 0
	i := w.next
	for ; i < n && len(b.entries) < maxBatch && bytes < maxBatchBytes; i++ {
		e, at, ok := w.feed.Barrier.Read(i)
		if !ok {
			return b, streams.ErrGone
		}
		fields := encode(e, at, frame)
		frame = e.Frame
		bytes += size(fields)
		b.entries = append(b.entries, fields)
	}
	if b.bytes = w.bytes + bytes; b.bytes > maxStreamBytes {
		return b, errTooLarge
	}
	if i == n && ended {
		b.ended = true
		b.entries = append(b.entries, []any{fieldEnd, "1"})
	}
	return b, nil
}

// finish writes what is there when the process ends, and leaves the rest to another. If
// readers have seen what Redis cannot be told of, or nobody could tell what to go on with,
// the stream stays here, and ends with the process.
func (w *writer) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, streams.HandOver)
	defer cancel()
	w.feed.Barrier.Shut()
	over, err := w.write(ctx)
	for errors.Is(err, streams.ErrUnavailable) && ctx.Err() == nil {
		time.Sleep(redisconn.RetryEvery) // it may be back before the time is over
		over, err = w.write(ctx)
	}
	switch {
	case over, err != nil && w.next < w.feed.Barrier.Committed():
		return err
	case w.next == 0:
		w.store.remove(ctx, w.id)
		return err
	}
	w.feed.Barrier.HandOff() // before anybody else goes on
	if err != nil {
		return err // another goes on when the lease is over
	}
	_, err = w.store.append(ctx, w.id, w.feed.Metadata, batch{before: w.next, leave: true})
	return err
}

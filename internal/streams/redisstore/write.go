package redisstore

import (
	"context"
	"errors"
	"time"

	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
)

// errTooLarge is the error of a stream larger than maxStreamBytes.
var errTooLarge = errors.New("stream is too large for Redis")

// openAfter is the outage after which local readers see unstored entries. Other replicas
// cannot continue after such entries: the delay must exceed that of a slow command.
const openAfter = redisconn.MaxWait

// Write implements [streams.Store].
func (s *Store) Write(ctx context.Context, id string, out streams.Outbound) error {
	defer out.Barrier.Open()
	defer s.listenCommands(id, out.OnCommand)()
	w := writer{store: s, id: id, out: out, next: out.Written}
	refresh := time.NewTicker(leaseRefresh)
	defer refresh.Stop()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for idle := time.Now(); ; idle = time.Now() {
		lost := s.health.nextLoss()
		select {
		case <-out.Barrier.Ready():
		case <-refresh.C:
		case <-retry.C:
		case <-lost:
		case <-ctx.Done():
			return w.finish(context.WithoutCancel(ctx))
		}
		began := time.Now()
		done, err := w.write(ctx)
		switch {
		case errors.Is(err, streams.ErrUnavailable):
			w.failed(idle, began)
			retry.Reset(redisconn.RetryEvery)
		case err != nil && ctx.Err() == nil:
			return w.giveUp(ctx, err)
		case done:
			return nil
		default:
			w.failing = time.Time{}
		}
		if out.Barrier.Freed() {
			return streams.ErrGone
		}
	}
}

// writer writes a stream.
type writer struct {
	store *Store
	id    string
	out   streams.Outbound
	next  int // index of the first unstored entry
	bytes int // approximate size of the stored entries

	failing time.Time // start of the current outage; zero: none
	renewed time.Time // when the claim and the conversations were renewed; zero: never
	joined  []string  // the conversations at that time
}

// failed handles a failed write. The arguments are the times when the writer became idle
// and when the write began. If either phase took longer than possible, this process was
// paused. The failure then proves no outage of Redis: the lease may have expired, and
// another replica may continue the stream.
func (w *writer) failed(idle, began time.Time) {
	switch {
	case began.Sub(idle) >= pauseTime || time.Since(began) >= pauseTime:
		w.failing = time.Time{}
	case w.failing.IsZero():
		w.failing = began
	}
	if !w.failing.IsZero() && time.Since(w.failing) >= openAfter {
		w.out.Barrier.Open()
	}
}

// giveUp ends the writing of a stream that exceeds the bounds or has another writer.
func (w *writer) giveUp(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		w.store.unshare(ctx, w.id)
	case errors.Is(err, streams.ErrFenced) && w.out.Barrier.Committed() <= w.next:
		w.out.Barrier.HandOff() // the other replica continues from there
	}
	w.store.Logger.Warn("stream is no longer shared", "stream", w.id, "error", err)
	return err
}

// write stores all entries of the log, and reports whether the log has ended.
func (w *writer) write(ctx context.Context) (done bool, err error) {
	for {
		b, err := w.batch()
		if err != nil {
			return false, err
		}
		p, err := w.append(ctx, b)
		if err != nil {
			return false, err
		}
		if p.skip {
			w.out.OnCommand(streams.CommandSkip)
		}
		if p.stop {
			w.out.OnCommand(streams.CommandStop)
		}
		n, ended := w.out.Barrier.Len()
		switch {
		case b.ended && p.last == n+1:
			w.renew(ctx, true)
			return true, nil
		case p.last < b.before:
			w.next, w.bytes = p.last, 0 // Redis has lost entries
			continue
		}
		w.next, w.bytes = min(p.last, n), b.bytes
		if w.next == n && !ended {
			w.out.Barrier.Shut()
		}
		w.renew(ctx, false)
		w.out.Barrier.Advance(w.next)
		if w.next == n && !ended {
			return false, nil
		}
	}
}

// batch returns the next entries, within the bounds of a write.
func (w *writer) batch() (batch, error) {
	b := batch{before: w.next}
	var frame *typewriter.Frame
	if w.next > 0 {
		previous, _, ok := w.out.Barrier.Read(w.next - 1)
		if !ok {
			return b, streams.ErrGone
		}
		frame = previous.Frame
	}
	n, ended := w.out.Barrier.Len()
	bytes := 0
	i := w.next
	for ; i < n && len(b.entries) < maxBatch && bytes < maxBatchBytes; i++ {
		e, at, ok := w.out.Barrier.Read(i)
		if !ok {
			return b, streams.ErrGone
		}
		fields := encode(e, at, frame)
		if epoch := w.out.Epochs.At(i); epoch > 0 {
			fields = append(fields, fieldEpoch, epoch)
		}
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

// finish stores the rest at shutdown and hands the stream off. If local readers have seen
// unstored entries, or if Redis holds no entry to continue from, the stream stays at this
// replica and ends with the process.
func (w *writer) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, streams.HandOver)
	defer cancel()
	w.out.Barrier.Shut()
	done, err := w.write(ctx)
	for errors.Is(err, streams.ErrUnavailable) && ctx.Err() == nil {
		time.Sleep(redisconn.RetryEvery)
		done, err = w.write(ctx)
	}
	switch {
	case done, err != nil && w.next < w.out.Barrier.Committed():
		return err
	case errors.Is(err, streams.ErrFenced):
		return w.giveUp(ctx, err)
	case w.next == 0:
		w.store.remove(ctx, w.id)
		_ = w.store.Release(ctx, w.claim()) // after an error the claim lapses
		return err
	}
	w.out.Barrier.HandOff() // before another replica continues
	if err != nil {
		return err // another replica continues when the lease expires
	}
	_, err = w.append(ctx, batch{before: w.next, release: true})
	return err
}

func (w *writer) append(ctx context.Context, b batch) (progress, error) {
	b.metadata, b.epoch = w.out.Metadata, w.out.Epochs.Last()
	return w.store.append(ctx, w.id, b)
}

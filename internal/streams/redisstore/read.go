package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/streams"
)

// Read implements [streams.Store].
func (s *Store) Read(ctx context.Context, id string, in streams.Inbound) error {
	r := reader{store: s, id: id, in: in, decoder: decoder{epochs: in.Epochs}}
	defer s.listenCommands(id, in.OnCommand)()
	grown := make(chan struct{}, 1)
	defer s.listen(entriesChannel(s.keys(id)), func(string) {
		select {
		case grown <- struct{}{}:
		default:
		}
	})()
	timer := time.NewTimer(0)
	defer timer.Stop()
	viewed := time.Time{}
	for {
		select {
		case <-grown:
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := r.read(ctx)
		if err == nil && time.Since(viewed) >= pollInterval && in.HasViewers() {
			viewed = time.Now()
			err = s.Send(ctx, id, streams.CommandView)
		}
		switch {
		case errors.Is(err, streams.ErrUnavailable):
			r.absent = time.Time{} // the lease is unknown
			timer.Reset(redisconn.RetryEvery)
			continue
		case errors.Is(err, errEnd):
			return nil
		case err != nil:
			return err
		}
		timer.Reset(pollInterval)
	}
}

// reader reads a stream.
type reader struct {
	store   *Store
	id      string
	in      streams.Inbound
	decoder decoder
	absent  time.Time // time when the lease was first missing; zero: not missing
}

// errEnd reports the end of the stream.
var errEnd = errors.New("end of stream")

// read appends new entries to the log. If the writer is lost, read makes this replica the
// writer and returns [streams.ErrOrphaned].
func (r *reader) read(ctx context.Context) error {
	leased, err := r.readNew(ctx)
	if err != nil {
		return err
	}
	r.in.OnLoaded()
	switch {
	case leased:
		r.absent = time.Time{}
		return nil
	case r.absent.IsZero():
		r.absent = time.Now()
		return nil
	case time.Since(r.absent) < orphanTime:
		return nil
	case !r.in.MayContinue():
		_, err := r.store.Find(ctx, r.id)
		return err
	}
	epoch, err := r.store.acquire(ctx, r.id)
	if err != nil || epoch == 0 {
		return err
	}
	// The former writer may have appended entries just before.
	for {
		_, err := r.readNew(ctx)
		if err == nil {
			r.in.Epochs.Begin(epoch, r.decoder.n)
			return streams.ErrOrphaned
		}
		if !errors.Is(err, streams.ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(redisconn.RetryEvery):
		}
	}
}

// readNew appends new entries to the log, and reports whether the stream has a writer.
func (r *reader) readNew(ctx context.Context) (leased bool, err error) {
	k := r.store.keys(r.id)
	for {
		var messages *redis.XMessageSliceCmd
		var lease *redis.IntCmd
		err := r.store.do(ctx, func(ctx context.Context) error {
			_, err := r.store.client.Pipelined(ctx, func(p redis.Pipeliner) error {
				lease = p.Exists(ctx, k.lease)
				messages = p.XRangeN(ctx, k.entries, strconv.Itoa(r.decoder.n+1)+"-0", "+", maxBatch)
				return nil
			})
			return err
		})
		if err != nil {
			return false, err
		}
		for _, m := range messages.Val() {
			if err := r.append(m); err != nil {
				return false, err
			}
		}
		if len(messages.Val()) < maxBatch {
			return lease.Val() == 1, nil
		}
	}
}

// append decodes an entry and appends the event to the log.
func (r *reader) append(m redis.XMessage) error {
	e, at, ended, ok := r.decoder.decode(m)
	switch {
	case !ok:
		return streams.ErrGone
	case ended:
		r.in.Log.End()
		r.in.OnLoaded()
		return errEnd
	}
	return r.in.Log.AppendAt(e, r.in.Metadata.Started.Add(at))
}

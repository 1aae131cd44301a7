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
func (s *Store) Read(ctx context.Context, id string, feed streams.Feed) error {
	r := reader{store: s, id: id, feed: feed}
	defer s.hearAsks(id, feed)()
	news := make(chan struct{}, 1)
	defer s.hear(newsChannel(s.keys(id)), func(string) {
		select {
		case news <- struct{}{}:
		default:
		}
	})()
	timer := time.NewTimer(0)
	defer timer.Stop()
	viewed := time.Time{}
	for {
		select {
		case <-news:
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := r.read(ctx)
		if err == nil && time.Since(viewed) >= readEvery && feed.HasViewers() {
			viewed = time.Now()
			err = s.Send(ctx, id, streams.CommandView)
		}
		switch {
		case errors.Is(err, streams.ErrUnavailable):
			r.absent = time.Time{} // it cannot be told
			timer.Reset(redisconn.RetryEvery)
			continue
		case errors.Is(err, errEnd):
			return nil
		case err != nil:
			return err
		}
		timer.Reset(readEvery)
	}
}

// reader reads one stream.
type reader struct {
	store   *Store
	id      string
	feed    streams.Feed
	decoder decoder
	absent  time.Time // since when no writer is heard of; zero: one is
}

// errEnd says that the stream has ended.
var errEnd = errors.New("end of stream")

// read appends what is new. If the writer is gone, it takes its place.
func (r *reader) read(ctx context.Context) error {
	leased, err := r.readNew(ctx)
	if err != nil {
		return err
	}
	r.feed.OnLoaded()
	switch {
	case leased:
		r.absent = time.Time{}
		return nil
	case r.absent.IsZero():
		r.absent = time.Now()
		return nil
	case time.Since(r.absent) < orphanTime:
		return nil
	case r.decoder.n == 0:
		return streams.ErrGone // nobody knows what it was, or Redis has let it go
	}
	taken, err := r.store.take(ctx, r.id)
	if err != nil || !taken {
		return err
	}
	// It may have written something at the last moment.
	for {
		_, err := r.readNew(ctx)
		if err == nil {
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

// readNew appends what is new, and reports whether the stream has a writer.
func (r *reader) readNew(ctx context.Context) (leased bool, err error) {
	k := r.store.keys(r.id)
	for {
		var messages *redis.XMessageSliceCmd
		var lease *redis.IntCmd
		err := r.store.do(ctx, func(ctx context.Context) error {
			_, err := r.store.client.Pipelined(ctx, func(p redis.Pipeliner) error {
				lease = p.Exists(ctx, k.lease)
				messages = p.XRangeN(ctx, k.events, strconv.Itoa(r.decoder.n+1)+"-0", "+", maxBatch)
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

// append appends an entry.
func (r *reader) append(m redis.XMessage) error {
	e, at, ended, ok := r.decoder.decode(m)
	switch {
	case !ok:
		return streams.ErrGone
	case ended:
		r.feed.Log.End()
		r.feed.OnLoaded()
		return errEnd
	}
	return r.feed.Log.AppendAt(e, r.feed.Metadata.Started.Add(at))
}

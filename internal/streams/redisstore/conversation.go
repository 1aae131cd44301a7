package redisstore

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/streams"
)

// maxConversation bounds the streams in the list of a conversation: the latest remain.
const maxConversation = 100

// conversationKey is the key of a conversation: a sorted set of stream ids by the start.
func (s *Store) conversationKey(name string) string { return s.Prefix + "conversation:" + name }

// joinScript adds a stream to a conversation, which lasts for the lifetime at least.
//
// Arguments: stream, start, maximum number of streams, lifetime.
var joinScript = redis.NewScript(`
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 1
`)

// join adds the stream to a conversation for a lifetime.
func (w *writer) join(ctx context.Context, name string, lifetime time.Duration) error {
	return w.store.doWrite(ctx, func(ctx context.Context) error {
		return joinScript.Run(ctx, w.store.client, []string{w.store.conversationKey(name)},
			w.id, w.out.Metadata.Started.UnixMilli(), maxConversation, lifetime.Milliseconds()).Err()
	})
}

// Conversation implements [streams.Store].
func (s *Store) Conversation(ctx context.Context, name string) (map[string]streams.Metadata, error) {
	key := s.conversationKey(name)
	var ids []string
	err := s.do(ctx, func(ctx context.Context) (err error) {
		ids, err = s.client.ZRange(ctx, key, 0, -1).Result()
		return err
	})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	fields := make([]*redis.MapStringStringCmd, len(ids))
	err = s.do(ctx, func(ctx context.Context) error {
		_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, id := range ids {
				fields[i] = pipe.HGetAll(ctx, s.keys(id).metadata)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	all, gone := map[string]streams.Metadata{}, []any{}
	for i, id := range ids {
		if metadata, err := decodeMetadata(fields[i].Val()); err == nil {
			all[id] = metadata
		} else if len(fields[i].Val()) == 0 {
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		_ = s.doWrite(ctx, func(ctx context.Context) error { return s.client.ZRem(ctx, key, gone...).Err() }) // repeated
	}
	return all, nil
}

// renew renews the claim and the conversations of the stream. Unless the stream has ended or
// got another conversation, renew does nothing shortly after the last renewal.
func (w *writer) renew(ctx context.Context, ended bool) {
	var names []string
	if w.out.Conversations != nil {
		names = w.out.Conversations()
	}
	c := w.claim()
	isFresh := !ended && time.Since(w.renewed) < leaseRefresh && slices.Equal(names, w.joined)
	if isFresh || c.Name == "" && len(names) == 0 {
		return
	}
	lifetime := w.store.runningTTL()
	if ended {
		lifetime = w.store.Retention
	}
	failed := false
	for _, name := range names {
		failed = w.join(ctx, name, lifetime) != nil || failed
	}
	if c.Name != "" {
		failed = !w.renewClaim(ctx, c, ended) || failed
	}
	if !failed {
		w.renewed, w.joined = time.Now(), names
	}
}

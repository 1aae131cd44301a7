package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/streams"
)

// claimKey is the key of a claim: a hash of schema, request, stream and started.
func (s *Store) claimKey(name string) string { return s.Prefix + "start:" + name }

// claimScript makes a claim unless another stream has the name, and returns schema, request,
// stream and started of the claim with the name. A started claim stays started.
//
// Arguments: schema, request, stream, 1 for a started claim or 0, lifetime.
var claimScript = redis.NewScript(`
local held = redis.call('HMGET', KEYS[1], 'schema', 'request', 'stream', 'started')
if held[3] and (held[3] ~= ARGV[3] or held[4] == '1' and ARGV[4] ~= '1') then
  return {held[1] or '', held[2] or '', held[3], held[4] or ''}
end
redis.call('HSET', KEYS[1], 'schema', ARGV[1], 'request', ARGV[2], 'stream', ARGV[3], 'started', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {ARGV[1], ARGV[2], ARGV[3], ARGV[4]}
`)

// releaseScript deletes the claim of a stream.
//
// Argument: stream.
var releaseScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'stream') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)

// Claim implements [streams.Store].
func (s *Store) Claim(ctx context.Context, c streams.Claim) (streams.Claim, error) {
	return s.claim(ctx, c, streams.ClaimLease)
}

// claim is Claim with a lifetime.
func (s *Store) claim(ctx context.Context, c streams.Claim, lifetime time.Duration) (streams.Claim, error) {
	started := 0
	if c.Started {
		started = 1
	}
	var held []string
	err := s.doWrite(ctx, func(ctx context.Context) (err error) {
		held, err = claimScript.Run(ctx, s.client, []string{s.claimKey(c.Name)},
			schemaVersion, c.Request, c.Stream, started, lifetime.Milliseconds()).StringSlice()
		return err
	})
	switch {
	case err != nil:
		return streams.Claim{}, err
	case held[0] != schemaVersion:
		return streams.Claim{}, streams.ErrIncompatible
	}
	return streams.Claim{Name: c.Name, Request: held[1], Stream: held[2], Started: held[3] == "1"}, nil
}

// Release implements [streams.Store].
func (s *Store) Release(ctx context.Context, c streams.Claim) error {
	return s.doWrite(ctx, func(ctx context.Context) error {
		return releaseScript.Run(ctx, s.client, []string{s.claimKey(c.Name)}, c.Stream).Err()
	})
}

// claim returns the claim of the stream.
func (w *writer) claim() streams.Claim {
	c := w.out.Metadata.Claim
	c.Stream, c.Started = w.id, w.next > 0
	return c
}

// renewClaim renews the claim of the stream, and reports whether the claim is started. The
// claim of an ended stream lasts for the retention.
func (w *writer) renewClaim(ctx context.Context, c streams.Claim, ended bool) bool {
	lifetime := streams.ClaimLease
	switch {
	case ended:
		c.Started, lifetime = true, w.store.Retention
	case c.Started:
		lifetime = w.store.runningTTL()
	}
	_, err := w.store.claim(ctx, c, lifetime)
	return err == nil && c.Started
}

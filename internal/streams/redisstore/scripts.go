package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/streams"
)

// appendScript writes entries, in one piece and never twice, refreshes the lease and
// the lives of the keys, and tells the readers. It returns the number of the last
// entry, -1 if another replica is the writer, and what is asked.
//
// Arguments: replica, lease, life, channel of news, seal, started, logid, whether it is
// the end, number of the entry before the first; then for each entry how many fields and
// values it has, and these.
var appendScript = redis.NewScript(`
local events, about, lease = KEYS[1], KEYS[2], KEYS[3]
local writer = redis.call('HGET', about, 'writer')
if writer and writer ~= ARGV[1] then return {-1, '', ''} end
if redis.call('HEXISTS', about, 'seal') == 0 or not writer then
  redis.call('HSET', about, 'writer', ARGV[1], 'seal', ARGV[5], 'started', ARGV[6], 'logid', ARGV[7])
end
local last = 0
local top = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)
if top[1] then last = tonumber(string.match(top[1][1], '^%d+')) end
local number, i = tonumber(ARGV[9]), 10
local grown = false
if last >= number then
  while i <= #ARGV do
    local n = tonumber(ARGV[i])
    number = number + 1
    if number > last then
      redis.call('XADD', events, number .. '-0', unpack(ARGV, i + 1, i + n))
      last, grown = number, true
    end
    i = i + n + 1
  end
end
if ARGV[8] == '1' and number == last then
  redis.call('DEL', lease)
else
  redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
end
redis.call('PEXPIRE', events, ARGV[3])
redis.call('PEXPIRE', about, ARGV[3])
if grown then redis.call('PUBLISH', ARGV[4], '') end
local asked = redis.call('HMGET', about, 'skip', 'stop')
return {last, asked[1] or '', asked[2] or ''}
`)

// takeScript makes a replica the writer of a stream that has none: 1 if it did, -1 if
// there is no such stream any more. Arguments: replica, lease, life.
var takeScript = redis.NewScript(`
local about, lease = KEYS[2], KEYS[3]
if redis.call('EXISTS', lease) == 1 then return 0 end
if redis.call('HEXISTS', about, 'seal') == 0 then return -1 end
redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
redis.call('HSET', about, 'writer', ARGV[1])
redis.call('PEXPIRE', about, ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

// askScript tells all that have a stream what is asked of it. Who misses that finds it
// written, but for a look, which comes again.
var askScript = redis.NewScript(`
if ARGV[2] ~= 'view' and redis.call('HEXISTS', KEYS[2], 'seal') == 1 then
  redis.call('HSET', KEYS[2], ARGV[2], '1')
end
return redis.call('PUBLISH', ARGV[1], ARGV[2])
`)

// batch is what is written at once.
type batch struct {
	before  int     // number of the entry before the first
	entries [][]any // fields and values of each
	ended   bool    // the last one is the log's end
	leave   bool    // the writer leaves
	bytes   int     // what the stream takes with them, about
}

// progress is how a stream stands in Redis.
type progress struct {
	last       int // number of the last entry
	skip, stop bool
}

// errFenced is returned to a writer that another replica has replaced.
var errFenced = errors.New("another replica has become the writer")

// append writes a batch.
func (s *Store) append(ctx context.Context, id string, about streams.Metadata, b batch) (p progress, err error) {
	life, lease := s.runningTTL(), leaseTime
	if b.leave {
		lease = time.Millisecond
	}
	ended := 0
	if b.ended {
		life, ended = s.Retention, 1
	}
	k := s.keys(id)
	args := []any{
		s.replica, lease.Milliseconds(), life.Milliseconds(), newsChannel(k),
		about.OwnerHash, about.Started.UnixMilli(), about.LogID, ended, b.before,
	}
	for _, fields := range b.entries {
		args = append(append(args, len(fields)), fields...)
	}
	var reply []any
	err = s.do(ctx, func(ctx context.Context) (err error) {
		reply, err = appendScript.Run(ctx, s.client, k.all(), args...).Slice()
		return err
	})
	if err != nil {
		return p, err
	}
	last, _ := reply[0].(int64)
	if last < 0 {
		return p, errFenced
	}
	return progress{last: int(last), skip: reply[1] != "", stop: reply[2] != ""}, nil
}

// take makes this replica the writer of a stream that has none.
func (s *Store) take(ctx context.Context, id string) (taken bool, err error) {
	n := 0
	err = s.do(ctx, func(ctx context.Context) (err error) {
		n, err = takeScript.Run(ctx, s.client, s.keys(id).all(),
			s.replica, leaseTime.Milliseconds(), s.runningTTL().Milliseconds()).Int()
		return err
	})
	if n < 0 {
		err = streams.ErrGone
	}
	return n == 1, err
}

// remove takes a stream out of Redis.
func (s *Store) remove(ctx context.Context, id string) {
	_ = s.do(ctx, func(ctx context.Context) error { return s.client.Del(ctx, s.keys(id).all()...).Err() }) // or it expires
}

package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/streams"
)

// appendScript atomically appends new entries, refreshes the lease and the lifetimes of the
// keys, and notifies the readers. The result is the number of the last stored entry, or -1
// if another replica is the writer, and the commands sent so far. If entries of an earlier
// epoch are stored, Redis has lost data, and the writer of the later epoch replaces them.
//
// Arguments: replica, epoch, lease time, lifetime, channel of entries, 1 at the end of the
// log, number of the entry before the first; then the number of metadata fields and values,
// and these; then the same for each entry.
var appendScript = redis.NewScript(`
local entries, metadata, lease = KEYS[1], KEYS[2], KEYS[3]
local stored = redis.call('HMGET', metadata, 'writer', 'epoch')
local writer, epoch = stored[1], tonumber(stored[2] or 0)
if writer and epoch < tonumber(ARGV[2]) then
  redis.call('DEL', entries, metadata)
  writer = false
end
if writer and (writer ~= ARGV[1] or epoch > tonumber(ARGV[2])) then return {-1, '', ''} end
local i = 8
if not writer then
  redis.call('HSET', metadata, 'writer', ARGV[1], 'epoch', ARGV[2], unpack(ARGV, i + 1, i + ARGV[i]))
end
i = i + ARGV[i] + 1
local last = 0
local top = redis.call('XREVRANGE', entries, '+', '-', 'COUNT', 1)
if top[1] then last = tonumber(string.match(top[1][1], '^%d+')) end
local number = tonumber(ARGV[7])
local grown = false
if last >= number then
  while i <= #ARGV do
    local n = tonumber(ARGV[i])
    number = number + 1
    if number > last then
      redis.call('XADD', entries, number .. '-0', unpack(ARGV, i + 1, i + n))
      last, grown = number, true
    end
    i = i + n + 1
  end
end
if ARGV[6] == '1' and number == last then
  redis.call('HSET', metadata, 'ended', '1')
  redis.call('DEL', lease)
else
  redis.call('SET', lease, ARGV[1], 'PX', ARGV[3])
end
redis.call('PEXPIRE', entries, ARGV[4])
redis.call('PEXPIRE', metadata, ARGV[4])
if grown then redis.call('PUBLISH', ARGV[5], '') end
local sent = redis.call('HMGET', metadata, 'skip', 'stop')
return {last, sent[1] or '', sent[2] or ''}
`)

// acquireScript makes a replica the writer of a running stream without a lease. The result
// is the new epoch, 0 if another replica holds the lease, or -1 for no running stream.
//
// Arguments: replica, lease time, lifetime.
var acquireScript = redis.NewScript(`
local metadata, lease = KEYS[2], KEYS[3]
if redis.call('EXISTS', lease) == 1 then return 0 end
local stored = redis.call('HMGET', metadata, 'writer', 'ended', 'unshared')
if not stored[1] or stored[2] or stored[3] then return -1 end
redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
redis.call('HSET', metadata, 'writer', ARGV[1])
redis.call('PEXPIRE', metadata, ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HINCRBY', metadata, 'epoch', 1)
`)

// commandScript publishes a command and stores it for replicas that miss the message. A
// view command is not stored because viewers repeat the command.
//
// Arguments: channel of commands, command.
var commandScript = redis.NewScript(`
if ARGV[2] ~= 'view' and redis.call('HEXISTS', KEYS[2], 'writer') == 1 then
  redis.call('HSET', KEYS[2], ARGV[2], '1')
end
return redis.call('PUBLISH', ARGV[1], ARGV[2])
`)

// stopAtScript keeps the first stop point of a stream, and returns this point.
//
// Argument: cursor.
var stopAtScript = redis.NewScript(`
if redis.call('HEXISTS', KEYS[2], 'writer') == 1 then redis.call('HSETNX', KEYS[2], 'stop_at', ARGV[1]) end
return redis.call('HGET', KEYS[2], 'stop_at') or ARGV[1]
`)

// batch holds the arguments of a write to a stream.
type batch struct {
	metadata streams.Metadata
	epoch    int // of the writer

	before  int     // number of the entry before the first
	entries [][]any // fields and values of each entry
	ended   bool    // the last entry is the end of the log
	release bool    // release the lease
	bytes   int     // approximate size of the stream with this batch
}

// progress is the state of a stream in Redis.
type progress struct {
	last       int // number of the last entry
	skip, stop bool
}

// append writes a batch. An empty batch refreshes the lease.
func (s *Store) append(ctx context.Context, id string, b batch) (p progress, err error) {
	lifetime, lease := s.runningTTL(), leaseTime
	if b.release {
		lease = time.Millisecond
	}
	ended := 0
	if b.ended {
		lifetime, ended = s.Retention, 1
	}
	k := s.keys(id)
	fields := encodeMetadata(b.metadata)
	args := []any{s.replica, b.epoch, lease.Milliseconds(), lifetime.Milliseconds(), entriesChannel(k), ended, b.before, len(fields)}
	args = append(args, fields...)
	for _, fields := range b.entries {
		args = append(append(args, len(fields)), fields...)
	}
	var reply []any
	err = s.doWrite(ctx, func(ctx context.Context) (err error) {
		reply, err = appendScript.Run(ctx, s.client, k.all(), args...).Slice()
		return err
	})
	if err != nil {
		return p, err
	}
	last, _ := reply[0].(int64)
	if last < 0 {
		return p, streams.ErrFenced
	}
	return progress{last: int(last), skip: reply[1] != "", stop: reply[2] != ""}, nil
}

// acquire makes this replica the writer of a stream, and returns the new epoch, or 0 if
// there is a writer.
func (s *Store) acquire(ctx context.Context, id string) (epoch int, err error) {
	err = s.doWrite(ctx, func(ctx context.Context) (err error) {
		epoch, err = acquireScript.Run(ctx, s.client, s.keys(id).all(),
			s.replica, leaseTime.Milliseconds(), s.runningTTL().Milliseconds()).Int()
		return err
	})
	if epoch < 0 {
		return 0, streams.ErrGone
	}
	return epoch, err
}

// unshare deletes the entries of a stream that continues at this replica only, and marks
// the stream as unshared for other replicas.
func (s *Store) unshare(ctx context.Context, id string) {
	k := s.keys(id)
	_ = s.do(ctx, func(ctx context.Context) error { // after an error the stream expires
		_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Del(ctx, k.entries, k.lease)
			p.HSet(ctx, k.metadata, fieldUnshared, 1)
			p.PExpire(ctx, k.metadata, unsharedTTL)
			return nil
		})
		return err
	})
}

// remove deletes a stream. After an error the stream expires.
func (s *Store) remove(ctx context.Context, id string) {
	_ = s.do(ctx, func(ctx context.Context) error { return s.client.Del(ctx, s.keys(id).all()...).Err() })
}

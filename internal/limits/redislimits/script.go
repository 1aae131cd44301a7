package redislimits

import "github.com/redis/go-redis/v9"

// Redis's clock is that of all replicas. Times in Redis are microseconds; Lua's numbers
// hold them exactly, but write them so only when told.

// allowScript is [limits.Local.Allow]: it returns how long to wait.
//
// Arguments: interval, burst.
var allowScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local free = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local wait = free - now - tonumber(ARGV[2])
if wait > 0 then return wait end
free = free + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000))
return 0
`)

// openScript adds a stream to those that a client has, and reports whether it did. They
// are a sorted set; a stream's score is when it ends if nobody renews it.
//
// Arguments: stream, how many the client may have, life.
var openScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] / 1000))
return 1
`)

// renewScript puts off the end of streams that a client has, and adds those that Redis
// does not know of.
//
// Arguments: life, streams.
var renewScript = redis.NewScript(`
local time = redis.call('TIME')
local ends = string.format('%.0f', time[1] * 1000000 + time[2] + ARGV[1])
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], ends, ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] / 1000))
`)

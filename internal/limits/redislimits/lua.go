package redislimits

import "github.com/redis/go-redis/v9"

// The scripts use the clock of Redis. Times are integers in microseconds, which Lua's
// doubles represent exactly; only %.0f prints them without an exponent.

// allowScript implements [limits.Local.Allow]. The result is the waiting time.
//
// Arguments: interval, burst.
var allowScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local wait = full - now - tonumber(ARGV[2])
if wait > 0 then return wait end
full = full + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 0
`)

// openScript adds a stream to a client's sorted set, with the expiry time as the score. The
// result is 0 if the bound is reached.
//
// Arguments: stream, bound, lease time.
var openScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] / 1000))
return 1
`)

// renewScript extends the leases of a client's streams, and adds missing streams.
//
// Arguments: lease time, streams.
var renewScript = redis.NewScript(`
local time = redis.call('TIME')
local expires = string.format('%.0f', time[1] * 1000000 + time[2] + ARGV[1])
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], expires, ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] / 1000))
`)

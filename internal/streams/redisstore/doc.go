// Package redisstore implements [streams.Store] over Redis. docs/redis.md describes the
// keys. The package neither checks access nor interprets events.
package redisstore

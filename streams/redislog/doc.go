// Package redislog shares streams between replicas over Redis. It is the only package
// that knows Redis. docs/redis.md has the keys.
package redislog

// Package redisstore shares streams between replicas over Redis: the store of package
// streams. docs/redis.md has the keys. It never knows who may see a stream, or what an
// event says.
package redisstore

// Package upstream speaks to the AI service: it sends a request with resty, reads
// the reply, and turns a stream of server-sent events into the events that package
// typewriter types. What is known of a service's wire format stands in one file
// (coze.go). When a stream is cut, the rest of its answer is fetched (recovery.go). The
// package never writes to a client and never paces.
package upstream

// Package metrics counts and measures the work of a server for Prometheus. No label takes
// a value from a client.
package metrics

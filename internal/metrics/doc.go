// Package metrics counts and measures the work of a server for Prometheus. No label takes
// a value that a client chose.
package metrics

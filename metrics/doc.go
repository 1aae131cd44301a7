// Package metrics counts and measures what the server does, for Prometheus. It knows
// none of our packages: whoever does something tells it so.
package metrics

// Package metrics counts and measures what the server does, for Prometheus. It knows
// none of our packages: whoever does something tells it so. It never decides anything,
// and no label has a value that a client chose.
package metrics

// Package handler serves HTTP with Hertz: it reads requests, opens the upstream,
// records its stream and plays it to the client. It knows neither how a service's
// events look nor how a pace is chosen.
package handler

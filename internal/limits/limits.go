// Package limits bounds the request rate and the concurrent streams of each client.
// Clients and streams are opaque strings. The package never blocks a caller, and knows
// nothing about HTTP.
package limits

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MaxViews bounds the concurrent readers and recorders of one stream of a client when
// [Bounds.Streams] is set.
const MaxViews = 16

// Bounds apply to each client. The zero value bounds nothing.
type Bounds struct {
	// Rate bounds requests.
	Rate Rate

	// Streams bounds concurrent streams; 0 means unlimited.
	Streams int
}

// Rate is a number of requests per period. After an idle period, that number may arrive
// at once. The zero value means unlimited.
type Rate struct {
	Requests int
	Per      time.Duration
}

// Interval is the mean time between requests at the full rate.
func (r Rate) Interval() time.Duration { return r.Per / time.Duration(r.Requests) }

// Burst is the tolerance of the rate limit: the intervals of all requests that may arrive
// at once, except for the first.
func (r Rate) Burst() time.Duration { return r.Interval() * time.Duration(r.Requests-1) }

// UnmarshalText implements [encoding.TextUnmarshaler] for forms like 5/s, 100/m or 1000/h.
func (r *Rate) UnmarshalText(text []byte) error {
	const most = 1_000_000 // one per microsecond, the resolution of the limits
	number, unit, _ := strings.Cut(string(text), "/")
	per, known := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	n, err := strconv.Atoi(number)
	if err != nil || !known || n <= 0 || n > most {
		return fmt.Errorf("%q is not a rate like 5/s, 100/m or 1000/h", text)
	}
	*r = Rate{n, per}
	return nil
}

// maxClients bounds the clients whose recent requests are remembered.
const maxClients = 1 << 16

// Local enforces bounds within this process. It is safe for concurrent use.
type Local struct {
	mu      sync.Mutex
	bounds  Bounds
	full    map[string]time.Time      // by client: when its whole burst is available again
	streams map[string]map[string]int // open count by client and stream
}

// NewLocal returns a Local without clients.
func NewLocal(bounds Bounds) *Local {
	return &Local{bounds: bounds, full: map[string]time.Time{}, streams: map[string]map[string]int{}}
}

// Bounds returns the current bounds.
func (l *Local) Bounds() Bounds {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bounds
}

// SetBounds changes the bounds. Open streams beyond the bounds stay open.
func (l *Local) SetBounds(bounds Bounds) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bounds = bounds
}

// Allow counts a request of a client. If the rate is exceeded, Allow does not count the
// request and returns the time until the next one is allowed.
//
// The algorithm is GCRA (ITU-T I.371), a leaky bucket that needs one timestamp per client.
func (l *Local) Allow(_ context.Context, client string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rate := l.bounds.Rate
	if rate.Requests == 0 {
		return 0
	}
	now := time.Now()
	full := l.full[client]
	if full.Before(now) {
		full = now
	}
	if wait := full.Sub(now) - rate.Burst(); wait > 0 {
		return wait
	}
	if len(l.full) >= maxClients {
		l.evict(now)
	}
	l.full[client] = full.Add(rate.Interval())
	return 0
}

// evict makes room for other clients. It removes clients whose requests do not count any
// more, and then arbitrary clients down to three quarters of the bound.
func (l *Local) evict(now time.Time) {
	maps.DeleteFunc(l.full, func(_ string, full time.Time) bool { return full.Before(now) })
	maps.DeleteFunc(l.full, func(string, time.Time) bool { return len(l.full) > maxClients*3/4 })
}

// Open adds a stream to the client's concurrent streams until done is called, once. A
// stream may be opened [MaxViews] times and counts once. Open reports false if the bound
// is reached.
func (l *Local) Open(_ context.Context, client, stream string) (done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	has, bound := l.streams[client], l.bounds.Streams
	switch views := has[stream]; { // without a bound, streams count for a later one
	case bound > 0 && (views == 0 && len(has) >= bound || views >= MaxViews):
		return nil, false
	case has == nil:
		has = map[string]int{}
		l.streams[client] = has
	}
	has[stream]++
	return func() { l.close(client, stream) }, true
}

func (l *Local) close(client, stream string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	has := l.streams[client]
	if has[stream]--; has[stream] == 0 {
		delete(has, stream)
	}
	if len(has) == 0 {
		delete(l.streams, client)
	}
}

// Views returns the number of times that a client has a stream open.
func (l *Local) Views(client, stream string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streams[client][stream]
}

// Streams returns the open streams of all clients.
func (l *Local) Streams() map[string][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string][]string, len(l.streams))
	for client, has := range l.streams {
		all[client] = slices.Collect(maps.Keys(has))
	}
	return all
}

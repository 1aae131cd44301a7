// Package limits says how much each client may have: how many requests in a time, and
// how many streams at a time. It never knows what a client is, speaks HTTP, or makes
// anybody wait.
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

// MaxViews is how many times one stream of a client may be read, or recorded, at a time
// when its streams are bounded.
const MaxViews = 16

// Bounds are what each client may have. The zero value has none.
type Bounds struct {
	// Rate bounds requests.
	Rate Rate

	// Streams is how many there may be at a time; 0: any number.
	Streams int
}

// Rate is so many requests in a time, evenly; as many may come at once after a pause. The
// zero value is no bound.
type Rate struct {
	Requests int
	Per      time.Duration
}

// Interval is the time for which one request counts.
func (r Rate) Interval() time.Duration { return r.Per / time.Duration(r.Requests) }

// Burst is the time for which all requests but one count that may come at once.
func (r Rate) Burst() time.Duration { return r.Interval() * time.Duration(r.Requests-1) }

// UnmarshalText implements [encoding.TextUnmarshaler]: 5/s or 100/m.
func (r *Rate) UnmarshalText(text []byte) error {
	const most = 1_000_000 // a microsecond for each
	number, unit, _ := strings.Cut(string(text), "/")
	per, known := map[string]time.Duration{"s": time.Second, "m": time.Minute}[unit]
	n, err := strconv.Atoi(number)
	if err != nil || !known || n <= 0 || n > most {
		return fmt.Errorf("%q is not a rate like 5/s or 100/m", text)
	}
	*r = Rate{n, per}
	return nil
}

// maxClients is how many clients are remembered that have asked of late.
const maxClients = 1 << 16

// Local holds the clients of this process to their bounds. It is safe for concurrent
// use.
type Local struct {
	bounds Bounds

	mu      sync.Mutex
	free    map[string]time.Time      // by client: when none of its requests counts any more
	streams map[string]map[string]int // by client and stream: how many times it is open
}

// NewLocal returns a Local.
func NewLocal(bounds Bounds) *Local {
	return &Local{bounds: bounds, free: map[string]time.Time{}, streams: map[string]map[string]int{}}
}

// Allow takes a request from what a client may ask. If it may not ask now it returns how
// long until it may.
//
// The law is that of the leaky bucket as a meter (ITU-T I.371, GCRA): one time for each
// client says all.
func (l *Local) Allow(_ context.Context, client string) (wait time.Duration) {
	rate := l.bounds.Rate
	if rate.Requests == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	free := l.free[client]
	if free.Before(now) {
		free = now
	}
	if wait := free.Sub(now) - rate.Burst(); wait > 0 {
		return wait
	}
	if len(l.free) >= maxClients {
		l.forget(now)
	}
	l.free[client] = free.Add(rate.Interval())
	return 0
}

// forget makes room: clients that have asked nothing of late are not missed; if that is
// not enough, others are let go of, too.
func (l *Local) forget(now time.Time) {
	maps.DeleteFunc(l.free, func(_ string, free time.Time) bool { return free.Before(now) })
	maps.DeleteFunc(l.free, func(string, time.Time) bool { return len(l.free) > maxClients*3/4 })
}

// Open counts a stream as one that a client has, until leave is called, once. A stream
// that it has already counts once, and may be opened [MaxViews] times. It reports false
// if the client may not.
func (l *Local) Open(_ context.Context, client, stream string) (leave func(), ok bool) {
	if l.bounds.Streams == 0 {
		return func() {}, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	has := l.streams[client]
	switch views := has[stream]; {
	case views == 0 && len(has) >= l.bounds.Streams, views >= MaxViews:
		return nil, false
	case has == nil:
		has = map[string]int{}
		l.streams[client] = has
	}
	has[stream]++
	return func() { l.leave(client, stream) }, true
}

func (l *Local) leave(client, stream string) {
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

// Views returns how many times a client has a stream open.
func (l *Local) Views(client, stream string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streams[client][stream]
}

// Streams returns the streams of all clients.
func (l *Local) Streams() map[string][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string][]string, len(l.streams))
	for client, has := range l.streams {
		all[client] = slices.Collect(maps.Keys(has))
	}
	return all
}

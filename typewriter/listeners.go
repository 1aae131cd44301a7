package typewriter

import (
	"slices"
	"sync"
)

// listeners are callbacks for changes of a value. The value's mutex guards them.
type listeners []*listener

type listener struct{ wake func() }

// add registers a callback until remove is called. Both lock mu.
func (l *listeners) add(mu *sync.Mutex, wake func()) (remove func()) {
	mu.Lock()
	defer mu.Unlock()
	added := &listener{wake}
	*l = append(*l, added)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		*l = slices.DeleteFunc(*l, func(o *listener) bool { return o == added })
	}
}

// notify calls all callbacks.
func (l listeners) notify() {
	for _, listener := range l {
		listener.wake()
	}
}

// Notify returns a callback for [Log.Subscribe]. The callback sends a value to ready unless
// the channel is full.
func Notify(ready chan<- struct{}) (wake func()) {
	return func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	}
}

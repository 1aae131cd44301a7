package redislog

import (
	"context"

	"sse-typewriter/streams"
)

// A replica has one connection on which it is told of all its streams: readers are told
// that a stream has grown, and all what is asked. What is missed, while the connection
// is lost, is found by looking now and then.

// listener is told what comes on a channel. It must not block.
type listener struct{ hear func(message string) }

func newsChannel(k keys) string { return k.events + ":news" }
func askChannel(k keys) string  { return k.events + ":ask" }

// listen opens the connection. The goroutine ends when it is closed.
func (s *Store) listen(ctx context.Context) {
	// With a channel that nothing is sent on it is always in use, and is looked after.
	s.asks = s.client.Subscribe(ctx, s.Prefix+"replicas")
	messages := s.asks.Channel()
	s.pump.Go(func() {
		for m := range messages {
			s.mu.Lock()
			listeners := make([]*listener, 0, len(s.hearing[m.Channel]))
			for l := range s.hearing[m.Channel] {
				listeners = append(listeners, l)
			}
			s.mu.Unlock()
			for _, l := range listeners {
				l.hear(m.Payload)
			}
		}
	})
}

// hear has what comes on a channel told, until stop is called.
func (s *Store) hear(ctx context.Context, channel string, hear func(string)) (stop func()) {
	l := &listener{hear}
	s.mu.Lock()
	first := len(s.hearing[channel]) == 0
	if first {
		s.hearing[channel] = map[*listener]bool{}
	}
	s.hearing[channel][l] = true
	s.mu.Unlock()
	if first {
		_ = s.asks.Subscribe(ctx, channel) // done again when the connection is back
	}
	return func() {
		s.mu.Lock()
		delete(s.hearing[channel], l)
		last := len(s.hearing[channel]) == 0
		if last {
			delete(s.hearing, channel)
		}
		s.mu.Unlock()
		if last {
			_ = s.asks.Unsubscribe(context.WithoutCancel(ctx), channel)
		}
	}
}

// hearAsks has a feed told what is asked of its stream.
func (s *Store) hearAsks(ctx context.Context, id string, feed streams.Feed) (stop func()) {
	return s.hear(ctx, askChannel(s.keys(id)), func(m string) { feed.Asked(streams.Ask(m)) })
}

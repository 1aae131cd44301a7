package redisstore

import (
	"context"

	"sse-typewriter/internal/streams"
)

// A replica has one connection on which it is told of all its streams: readers are told
// that a stream has grown, and all what is asked. What is missed, while the connection
// is lost, is found by looking now and then.

// listener is told what comes on a channel. It must not block.
type listener struct{ hear func(message string) }

func newsChannel(k keys) string { return k.events + ":news" }
func askChannel(k keys) string  { return k.events + ":ask" }

// listen opens the connection. Its goroutines end when it is closed.
func (s *Store) listen(ctx context.Context) {
	// With a channel that nothing is sent on it is always in use, and is looked after.
	s.asks = s.client.Subscribe(ctx, s.Prefix+"replicas")
	messages := s.asks.Channel()
	s.pump.Go(func() {
		defer close(s.closed)
		for m := range messages {
			for _, l := range s.listeners(m.Channel) {
				l.hear(m.Payload)
			}
		}
	})
	s.pump.Go(func() {
		for {
			select {
			case <-s.changed:
				s.subscribe(ctx)
			case <-s.closed:
				return
			}
		}
	})
}

func (s *Store) listeners(channel string) (all []*listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.hearing[channel] {
		all = append(all, l)
	}
	return all
}

// subscribe asks Redis for the channels that there are listeners of, and no others. It
// may take a while if that is lost, so nobody waits for it.
func (s *Store) subscribe(ctx context.Context) {
	var more, fewer []string
	s.mu.Lock()
	for channel := range s.hearing {
		if !s.subscribed[channel] {
			more = append(more, channel)
			s.subscribed[channel] = true
		}
	}
	for channel := range s.subscribed {
		if s.hearing[channel] == nil {
			fewer = append(fewer, channel)
			delete(s.subscribed, channel)
		}
	}
	s.mu.Unlock()
	// What fails is done when the connection is back.
	if len(more) > 0 {
		_ = s.asks.Subscribe(ctx, more...)
	}
	if len(fewer) > 0 {
		_ = s.asks.Unsubscribe(ctx, fewer...)
	}
}

// hear has what comes on a channel told, until stop is called.
func (s *Store) hear(channel string, hear func(string)) (stop func()) {
	l := &listener{hear}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hearing[channel] == nil {
		s.hearing[channel] = map[*listener]bool{}
		s.change()
	}
	s.hearing[channel][l] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.hearing[channel], l)
		if len(s.hearing[channel]) == 0 {
			delete(s.hearing, channel)
			s.change()
		}
	}
}

// change has the channels looked through.
func (s *Store) change() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// hearAsks has a feed told what is asked of its stream.
func (s *Store) hearAsks(id string, feed streams.Feed) (stop func()) {
	return s.hear(askChannel(s.keys(id)), func(m string) { feed.OnCommand(streams.Command(m)) })
}

package redisstore

import (
	"context"

	"sse-typewriter/internal/streams"
)

// A replica receives the notifications for all its streams on one connection: readers
// learn about new entries, readers and writers about commands. Polling finds whatever is
// published while the connection is lost.

// listener receives the messages of a channel. Listeners must not block.
type listener struct{ receive func(message string) }

func entriesChannel(k keys) string { return k.entries + ":news" }
func commandChannel(k keys) string { return k.entries + ":ask" }

// startPubSub opens the connection and starts two goroutines, which end with the
// connection.
func (s *Store) startPubSub(ctx context.Context) {
	// go-redis checks and reopens only connections with a subscription. Nothing is ever
	// published on this channel.
	s.pubsub = s.client.Subscribe(ctx, s.Prefix+"replicas")
	messages := s.pubsub.Channel()
	s.goroutines.Go(func() {
		defer close(s.closed)
		for m := range messages {
			for _, l := range s.listenersOf(m.Channel) {
				l.receive(m.Payload)
			}
		}
	})
	s.goroutines.Go(func() {
		for {
			select {
			case <-s.changed:
				s.updateSubscriptions(ctx)
			case <-s.closed:
				return
			}
		}
	})
}

func (s *Store) listenersOf(channel string) (all []*listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners[channel] {
		all = append(all, l)
	}
	return all
}

// updateSubscriptions subscribes to exactly the channels with listeners. The function
// blocks while Redis is lost, and therefore has a goroutine of its own.
func (s *Store) updateSubscriptions(ctx context.Context) {
	var added, removed []string
	s.mu.Lock()
	for channel := range s.listeners {
		if !s.subscribed[channel] {
			added = append(added, channel)
			s.subscribed[channel] = true
		}
	}
	for channel := range s.subscribed {
		if s.listeners[channel] == nil {
			removed = append(removed, channel)
			delete(s.subscribed, channel)
		}
	}
	s.mu.Unlock()
	// After an error go-redis repeats the command on the next connection.
	if len(added) > 0 {
		_ = s.pubsub.Subscribe(ctx, added...)
	}
	if len(removed) > 0 {
		_ = s.pubsub.Unsubscribe(ctx, removed...)
	}
}

// listen passes the messages of a channel to receive until stop is called.
func (s *Store) listen(channel string, receive func(string)) (stop func()) {
	l := &listener{receive}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners[channel] == nil {
		s.listeners[channel] = map[*listener]bool{}
		s.signalChange()
	}
	s.listeners[channel][l] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners[channel], l)
		if len(s.listeners[channel]) == 0 {
			delete(s.listeners, channel)
			s.signalChange()
		}
	}
}

// signalChange triggers updateSubscriptions.
func (s *Store) signalChange() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// listenCommands passes the commands for a stream to onCommand until stop is called.
func (s *Store) listenCommands(id string, onCommand func(streams.Command)) (stop func()) {
	return s.listen(commandChannel(s.keys(id)), func(m string) { onCommand(streams.Command(m)) })
}

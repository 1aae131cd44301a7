package streams

import (
	"context"

	"sse-typewriter/typewriter"
)

// stopPoint is the end of a stream for later viewers.
type stopPoint struct {
	at  Cursor
	log *typewriter.Log // the part before, and the end
}

// View returns the log for new viewers: the part before the stop point with an orderly end,
// or the whole log without a stop point.
func (s *Stream) View() *typewriter.Log {
	if stopped := s.stopped.Load(); stopped != nil {
		return stopped.log
	}
	return s.Log
}

// StopAt makes the stream end at a cursor for all later viewers, at all replicas, and
// cancels the stream. The first stop point of a stream stays. The result is the log for
// later viewers. Errors are those of [Stream.Seek]. If the store cannot keep the stop point,
// the error is [ErrUnavailable], and the stop point is for this replica alone; the caller may
// repeat the call.
func (s *Stream) StopAt(ctx context.Context, at Cursor) (*typewriter.Log, error) {
	if stopped := s.stopped.Load(); stopped != nil {
		at = stopped.at
	} else if position, err := s.Seek(ctx, at); err != nil {
		return nil, err
	} else {
		at = s.Epochs.Cursor(position)
	}
	var err error
	if s.shared && !s.LocalOnly {
		var first Cursor
		if first, err = s.registry.options.Store.StopAt(ctx, s.ID, at); err == nil {
			at = first
		}
	}
	s.stopAt(at)
	s.Cancel(ctx)
	return s.View(), err
}

// stopAt ends the stream at a cursor for later viewers, unless a stop point is known.
func (s *Stream) stopAt(at Cursor) {
	n, ended := s.Log.Len()
	if s.stopped.Load() != nil || s.Epochs.Of(at.Position) != at.Epoch || !s.Log.Contains(at.Position) {
		return // not every replica has the text of each epoch
	}
	stopped := &stopPoint{at, s.Log.Prefix(at.Position)}
	if ended && at.Position.Entry == n {
		stopped.log.End()
	} else {
		stopped.log.End(s.registry.options.Stopped(s.Origin, stopped.log)...)
	}
	if !s.stopped.CompareAndSwap(nil, stopped) {
		stopped.log.Free()
	}
}

// mayBeStopped reports whether another replica may have stored a stop point that is unknown
// here. A running stream of this replica receives a stop command first.
func (s *Stream) mayBeStopped() bool {
	if s.stopped.Load() != nil {
		return false
	}
	_, ended := s.Log.Len()
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	return ended || s.stopping || s.remote
}

// free frees the logs of the stream.
func (s *Stream) free() {
	s.Log.Free()
	if stopped := s.stopped.Load(); stopped != nil {
		stopped.log.Free()
	}
}

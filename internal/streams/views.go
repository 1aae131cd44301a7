package streams

import "log/slog"

// views are the views of a stream at this replica, for the stream's source, which may take
// over during a view. The lock of the registry guards the fields.
type views struct {
	begin func() (end func() []slog.Attr) // [Source.View]; nil: no source yet
	early int                             // running views from before the source
	ends  []func() []slog.Attr            // of the early views, in any order
}

// follow begins the running views at a source, if the source has a View.
func (v *views) follow(source Source) {
	if source.View == nil {
		return
	}
	v.begin = source.View
	for range v.early {
		v.ends = append(v.ends, v.begin())
	}
	v.early = 0
}

// BeginView begins a view. The result ends the view, and is that of [Source.View]; nil without
// such a source.
func (s *Stream) BeginView() (end func() []slog.Attr) {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	if s.views.begin != nil {
		return s.views.begin()
	}
	s.views.early++
	return s.endEarly
}

// endEarly ends a view from before the source.
func (s *Stream) endEarly() []slog.Attr {
	s.registry.mu.Lock()
	last := len(s.views.ends) - 1
	if last < 0 {
		s.views.early--
		s.registry.mu.Unlock()
		return nil
	}
	end := s.views.ends[last]
	s.views.ends = s.views.ends[:last]
	s.registry.mu.Unlock()
	return end()
}

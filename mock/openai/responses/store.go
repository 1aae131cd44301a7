package responses

import (
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
)

// maxStored bounds the responses of a store, which drops the oldest ones.
const maxStored = 200

// record is a response with all events, also those in the future.
type record struct {
	model    Model
	response response // at its end
	begun    time.Time
	events   []mock.Event

	cancelled time.Time // zero: not cancelled
}

// record returns the response for the store.
func (s *script) record() record {
	return record{model: s.model, response: s.response, begun: s.call.Now, events: s.events}
}

// isCancelled reports whether the response was cancelled before its end.
func (r record) isCancelled() bool { return !r.cancelled.IsZero() }

// end returns the time of the last event.
func (r record) end() time.Time {
	end := r.begun
	for _, e := range r.events {
		end = end.Add(e.After)
	}
	return end
}

// at returns the state of the response at a time.
func (r record) at(now time.Time) response {
	state := r.response
	switch {
	case r.isCancelled():
		state.Status, state.Output, state.Usage = statusCancelled, []item{}, nil
	case now.Before(r.end()):
		state.Status, state.Output, state.Usage, state.Error = statusInProgress, []item{}, nil, nil
	}
	return state
}

// after returns the events behind a sequence number, as they are due from a time on. Past
// events are due at once. A cancelled response ends with its cancellation.
func (r record) after(number int, now time.Time) []mock.Event {
	var events []mock.Event
	due, sent := r.begun, now
	for _, e := range r.events {
		due = due.Add(e.After)
		if r.isCancelled() && due.After(r.cancelled) {
			break
		}
		if n := gjson.GetBytes(e.Data, "sequence_number"); n.Exists() && n.Int() <= int64(number) {
			continue
		}
		e.After = max(due.Sub(sent), 0)
		sent = sent.Add(e.After)
		events = append(events, e)
	}
	return events
}

// store keeps responses. The zero value is empty.
type store struct {
	mu      sync.Mutex
	records map[string]record
	order   []string // ids, oldest first
}

func (s *store) add(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records == nil {
		s.records = map[string]record{}
	}
	s.records[r.response.ID] = r
	if s.order = append(s.order, r.response.ID); len(s.order) > maxStored {
		delete(s.records, s.order[0])
		s.order = s.order[1:]
	}
}

func (s *store) get(id string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[id]
	return r, ok
}

// cancel stops a running response, and returns the response.
func (s *store) cancel(id string, now time.Time) record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[id]
	if !r.isCancelled() && now.Before(r.end()) {
		r.cancelled = now
		s.records[id] = r
	}
	return r
}

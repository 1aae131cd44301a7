package coze

import (
	"sync"
	"time"
)

// Bounds of a chatStore, which drops the oldest chats.
const (
	maxChats     = 1000
	maxChatBytes = 64 << 20
)

// transition is a change of a chat at a time: a new state, or another message.
type transition struct {
	at      time.Time
	chat    *chat
	message *message
}

// chatRecord is a chat with all transitions, also those in the future.
type chatRecord struct {
	question    string
	studio      bool // a chat of coze-studio
	transitions []transition
	canceled    time.Time // zero: not canceled
}

// state is a chat at a time. messages is never nil.
type state struct {
	question string
	studio   bool
	chat     chat
	messages []message
}

// at returns the state of the chat at a time.
func (e *chatRecord) at(now time.Time) state {
	s := state{question: e.question, studio: e.studio, messages: []message{}}
	canceled := !e.canceled.IsZero()
	if canceled && now.After(e.canceled) {
		now = e.canceled
	}
	for _, m := range e.transitions {
		if m.at.After(now) {
			break
		}
		if m.chat != nil {
			s.chat = *m.chat
		}
		if m.message != nil {
			s.messages = append(s.messages, *m.message)
		}
	}
	if canceled {
		s.chat.Status = statusCanceled
	}
	return s
}

// chatStore keeps the chats of a stand-in, for consistent replies. The zero value is empty.
type chatStore struct {
	mu      sync.Mutex
	entries map[string]*chatRecord // by chat id
	order   []string               // chat ids, oldest first
	bytes   int
}

// add adds a chat.
func (b *chatStore) add(chatID string, e chatRecord) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries == nil {
		b.entries = make(map[string]*chatRecord)
	}
	b.entries[chatID] = &e
	b.order = append(b.order, chatID)
	b.bytes += size(e.transitions)
	for len(b.order) > 1 && (len(b.order) > maxChats || b.bytes > maxChatBytes) {
		b.bytes -= size(b.entries[b.order[0]].transitions)
		delete(b.entries, b.order[0])
		b.order = b.order[1:]
	}
}

// get returns the state of a chat.
func (b *chatStore) get(chatID string, now time.Time) (state, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[chatID]
	if !ok {
		return state{}, false
	}
	return e.at(now), true
}

// extend adds transitions to a chat in the state requires_action, and reports whether the
// chat is in that state.
func (b *chatStore) extend(chatID string, now time.Time, transitions []transition) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[chatID]
	if !ok || e.at(now).chat.Status != statusRequiresAction {
		return false
	}
	e.transitions = append(e.transitions, transitions...)
	b.bytes += size(transitions)
	return true
}

// cancel stops a running chat, and reports whether the chat is canceled.
func (b *chatStore) cancel(chatID string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[chatID]
	if !ok {
		return false
	}
	switch e.at(now).chat.Status {
	case statusCompleted, statusFailed:
		return false
	case statusCanceled:
		return true
	}
	e.canceled = now
	return true
}

func size(transitions []transition) int {
	const each = 100
	sum := 0
	for _, m := range transitions {
		sum += each
		if m.message != nil {
			sum += m.message.size()
		}
	}
	return sum
}

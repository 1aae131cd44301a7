package mock

import (
	"sync"
	"time"
)

// What the book keeps at most; the oldest chats go first.
const (
	maxChats     = 1000
	maxBookBytes = 64 << 20
)

// moment is a change of a chat's state: from At on the chat is as Chat says, or
// has one more message.
type moment struct {
	at      time.Time
	chat    *chat
	message *message
}

// entry is one chat in the book. What a chat will become is known from its
// start; which of it holds is a question of the time.
type entry struct {
	question string
	studio   bool // it is a chat of coze-studio
	moments  []moment
	canceled time.Time // zero: not canceled
}

// state is a chat as it stands at one time. Messages is never nil.
type state struct {
	question string
	studio   bool
	chat     chat
	messages []message
}

// at is the entry's state at the time now.
func (e *entry) at(now time.Time) state {
	s := state{question: e.question, studio: e.studio, messages: []message{}}
	canceled := !e.canceled.IsZero()
	if canceled && now.After(e.canceled) {
		now = e.canceled
	}
	for _, m := range e.moments {
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

// book keeps the chats of a stand-in, so that its replies agree with each
// other. The zero value is empty.
type book struct {
	mu      sync.Mutex
	entries map[string]*entry // by chat id
	order   []string          // chat ids, oldest first
	bytes   int
}

// open writes a new chat down.
func (b *book) open(chatID string, e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries == nil {
		b.entries = make(map[string]*entry)
	}
	b.entries[chatID] = &e
	b.order = append(b.order, chatID)
	b.bytes += size(e.moments)
	for len(b.order) > 1 && (len(b.order) > maxChats || b.bytes > maxBookBytes) {
		b.bytes -= size(b.entries[b.order[0]].moments)
		delete(b.entries, b.order[0])
		b.order = b.order[1:]
	}
}

// look tells how a chat stands.
func (b *book) look(chatID string, now time.Time) (state, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[chatID]
	if !ok {
		return state{}, false
	}
	return e.at(now), true
}

// extend adds what follows to a chat that waits in requires_action and reports
// whether it did.
func (b *book) extend(chatID string, now time.Time, moments []moment) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[chatID]
	if !ok || e.at(now).chat.Status != statusRequiresAction {
		return false
	}
	e.moments = append(e.moments, moments...)
	b.bytes += size(moments)
	return true
}

// cancel stops a chat that has not ended, and reports whether it is canceled.
// To cancel again changes nothing.
func (b *book) cancel(chatID string, now time.Time) bool {
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

func size(moments []moment) int {
	const each = 100
	sum := 0
	for _, m := range moments {
		sum += each
		if m.message != nil {
			sum += m.message.size()
		}
	}
	return sum
}

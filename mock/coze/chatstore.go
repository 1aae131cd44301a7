package coze

import (
	"sync"
	"time"
)

// What the book keeps at most; the oldest chats go first.
const (
	maxChats     = 1000
	maxChatBytes = 64 << 20
)

// transition is a change of a chat's state: from At on the chat is as Chat says, or
// has one more message.
type transition struct {
	at      time.Time
	chat    *chat
	message *message
}

// chatRecord is one chat in the book. What a chat will become is known from its
// start; which of it holds is a question of the time.
type chatRecord struct {
	question    string
	studio      bool // it is a chat of coze-studio
	transitions []transition
	canceled    time.Time // zero: not canceled
}

// state is a chat as it stands at one time. Messages is never nil.
type state struct {
	question string
	studio   bool
	chat     chat
	messages []message
}

// at is the entry's state at the time now.
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

// chatStore keeps the chats of a stand-in, so that its replies agree with each
// other. The zero value is empty.
type chatStore struct {
	mu      sync.Mutex
	entries map[string]*chatRecord // by chat id
	order   []string               // chat ids, oldest first
	bytes   int
}

// add writes a new chat down.
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

// get tells how a chat stands.
func (b *chatStore) get(chatID string, now time.Time) (state, bool) {
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
func (b *chatStore) extend(chatID string, now time.Time, moments []transition) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[chatID]
	if !ok || e.at(now).chat.Status != statusRequiresAction {
		return false
	}
	e.transitions = append(e.transitions, moments...)
	b.bytes += size(moments)
	return true
}

// cancel stops a chat that has not ended, and reports whether it is canceled.
// To cancel again changes nothing.
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

func size(moments []transition) int {
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

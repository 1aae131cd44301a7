package streams

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"time"
)

// Listed describes a stream of a list.
type Listed struct {
	ID      string
	Started time.Time
	Ended   bool
}

// conversationName identifies a conversation among those of all owners.
func conversationName(owner, conversation string) string {
	mac := hmac.New(sha256.New, []byte(owner))
	mac.Write([]byte(conversation))
	return hex.EncodeToString(mac.Sum(nil))
}

// AddConversation makes [Registry.List] find a resumable stream by a conversation of the
// owner. The empty conversation has no effect.
func (s *Stream) AddConversation(owner, conversation string) {
	if conversation == "" || !s.resumable {
		return
	}
	name := conversationName(owner, conversation)
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.unlisted || slices.Contains(s.conversations, name) {
		return
	}
	s.conversations = append(slices.Clip(s.conversations), name)
	if r.conversations[name] == nil {
		r.conversations[name] = map[*Stream]bool{}
	}
	r.conversations[name][s] = true
}

// leaveConversations undoes all calls of AddConversation; with the lock held.
func (s *Stream) leaveConversations() {
	for _, name := range s.conversations {
		delete(s.registry.conversations[name], s)
		if len(s.registry.conversations[name]) == 0 {
			delete(s.registry.conversations, name)
		}
	}
}

// conversationNames returns the names of the stream's conversations.
func (s *Stream) conversationNames() []string {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	return s.conversations
}

// List returns the running and the kept streams of an owner's conversation at all replicas,
// the latest first. If the store cannot be reached, the list has the streams of this
// replica, and the error is [ErrUnavailable].
func (r *Registry) List(ctx context.Context, owner, conversation string) ([]Listed, error) {
	name := conversationName(owner, conversation)
	all := r.listLocal(name)
	var err error
	if r.options.Store != nil {
		var stored map[string]Metadata
		if stored, err = r.options.Store.Conversation(ctx, name); err != nil {
			err = ErrUnavailable
		}
		for id, metadata := range stored {
			if _, ok := all[id]; !ok && subtle.ConstantTimeCompare(metadata.OwnerHash, hashOwner(id, owner)) == 1 {
				all[id] = Listed{id, metadata.Started, metadata.Ended}
			}
		}
	}
	list := make([]Listed, 0, len(all))
	for _, l := range all {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b Listed) int { return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// listLocal returns the streams of this replica for a conversation, by id.
func (r *Registry) listLocal(name string) map[string]Listed {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]Listed{}
	for s := range r.conversations[name] {
		_, ended := s.Log.Len()
		all[s.ID] = Listed{s.ID, s.Log.Started(), ended}
	}
	return all
}

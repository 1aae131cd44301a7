package coze

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// Bounds of a conversationStore, which drops the oldest conversations.
const (
	maxConversations     = 1000
	maxConversationBytes = 64 << 20
)

// conversation is Coze's conversation object, with the messages of clients. The messages of
// chats are in the chatStore.
type conversation struct {
	ID            string          `json:"id"`
	CreatedAt     int64           `json:"created_at"`
	MetaData      json.RawMessage `json:"meta_data"`
	LastSectionID string          `json:"last_section_id"`

	messages []storedMessage
}

// storedMessage is a client's message in a conversation.
type storedMessage struct {
	ID             string          `json:"id"`
	ConversationID string          `json:"conversation_id"`
	BotID          string          `json:"bot_id"`
	ChatID         string          `json:"chat_id"`
	MetaData       json.RawMessage `json:"meta_data"`
	Role           string          `json:"role"`
	Content        json.RawMessage `json:"content"`
	ContentType    string          `json:"content_type"`
	CreatedAt      int64           `json:"created_at"`
	UpdatedAt      int64           `json:"updated_at"`
	Type           string          `json:"type"`
}

// size returns the approximate memory use of the conversation in bytes.
func (v *conversation) size() int {
	const each = 300
	sum := each + len(v.ID) + len(v.MetaData)
	for _, p := range v.messages {
		sum += each + len(p.Content) + len(p.MetaData)
	}
	return sum
}

// conversationStore keeps the conversations of a stand-in. The zero value is empty.
type conversationStore struct {
	mu    sync.Mutex
	kept  map[string]*conversation // by id
	order []string                 // ids, oldest first
	bytes int
}

// open adds a conversation, unless there is a conversation with the same id.
func (s *conversationStore) open(v conversation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = make(map[string]*conversation)
	}
	if s.kept[v.ID] != nil {
		return
	}
	s.kept[v.ID] = &v
	s.order = append(s.order, v.ID)
	s.bytes += v.size()
	s.evict()
}

// add adds a message to a conversation, and reports whether there is such a conversation.
func (s *conversationStore) add(p storedMessage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.kept[p.ConversationID]
	if !ok {
		return false
	}
	s.bytes -= v.size()
	v.messages = append(v.messages, p)
	s.bytes += v.size()
	s.evict()
	return true
}

// evict drops the oldest conversations beyond the bounds; with the lock held.
func (s *conversationStore) evict() {
	for len(s.order) > maxConversations || s.bytes > maxConversationBytes {
		s.bytes -= s.kept[s.order[0]].size()
		delete(s.kept, s.order[0])
		s.order = s.order[1:]
	}
}

// get returns a copy of a conversation.
func (s *conversationStore) get(id string) (conversation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.kept[id]
	if !ok {
		return conversation{}, false
	}
	out := *v
	out.messages = slices.Clone(v.messages)
	return out, true
}

// newConversation returns a conversation without messages.
func (c *call) newConversation(id string) conversation {
	return conversation{ID: id, CreatedAt: c.Now.Unix(), MetaData: metaOf(c.Field("meta_data")), LastSectionID: id}
}

// metaOf returns a client's metadata as an object, by default an empty object.
func metaOf(value gjson.Result) json.RawMessage {
	if !value.IsObject() || !json.Valid([]byte(value.Raw)) {
		return json.RawMessage("{}")
	}
	return json.RawMessage(value.Raw)
}

// createConversation serves POST /v1/conversation/create.
func (c *call) createConversation() mock.Reply {
	v := c.newConversation(newID(c.Rand))
	for _, m := range c.Field("messages").Array() {
		v.messages = append(v.messages, c.newPost(v.ID, m))
	}
	c.conversations.open(v)
	return c.deliver(v)
}

// conversation returns the conversation of the request.
func (c *call) conversation() (conversation, bool) {
	return c.conversations.get(c.id("conversation_id"))
}

func (c *call) noSuchConversation() mock.Reply {
	return c.refuse(http.StatusOK, codeNotFound, "no such conversation: "+c.id("conversation_id"))
}

// retrieveConversation serves GET /v1/conversation/retrieve.
func (c *call) retrieveConversation() mock.Reply {
	v, ok := c.conversation()
	if !ok {
		return c.noSuchConversation()
	}
	return c.deliver(v)
}

// newPost returns a message from a client's description.
func (c *call) newPost(conversationID string, about gjson.Result) storedMessage {
	kind := about.Get("content_type").String()
	if kind == "" {
		kind = "text"
	}
	return storedMessage{
		ID:             newID(c.Rand),
		ConversationID: conversationID,
		MetaData:       metaOf(about.Get("meta_data")),
		Role:           about.Get("role").String(),
		Content:        quote(about.Get("content").String()),
		ContentType:    kind,
		CreatedAt:      c.Now.Unix(),
		UpdatedAt:      c.Now.Unix(),
	}
}

// createMessage serves POST /v1/conversation/message/create.
func (c *call) createMessage() mock.Reply {
	if role := c.Field("role").String(); role != "user" && role != "assistant" {
		return c.refuse(http.StatusOK, codeBadRequest, "the field role must be user or assistant")
	}
	if c.Field("content").String() == "" {
		return c.refuse(http.StatusOK, codeBadRequest, "the field content is required")
	}
	p := c.newPost(c.id("conversation_id"), gjson.ParseBytes(c.Body))
	if !c.conversations.add(p) {
		return c.noSuchConversation()
	}
	return c.deliver(p)
}

// retrieveMessage serves GET /v1/conversation/message/retrieve.
func (c *call) retrieveMessage() mock.Reply {
	v, ok := c.conversation()
	if !ok {
		return c.noSuchConversation()
	}
	i := v.place(c.id("message_id"))
	if i < 0 {
		return c.refuse(http.StatusOK, codeNotFound, "no such message in this conversation: "+c.id("message_id"))
	}
	return c.deliver(v.messages[i])
}

// place returns the index of a message, or -1.
func (v *conversation) place(messageID string) int {
	return slices.IndexFunc(v.messages, func(p storedMessage) bool { return p.ID == messageID })
}

// listPosts serves POST /v1/conversation/message/list: a page of the clients' messages. The
// real service also lists the questions and answers of chats.
func (c *call) listPosts() mock.Reply {
	const page = 50
	v, ok := c.conversation()
	if !ok {
		return c.noSuchConversation()
	}
	if c.Field("order").String() != "asc" {
		slices.Reverse(v.messages)
	}
	if i := v.place(c.Field("before_id").String()); i >= 0 {
		v.messages = v.messages[:i]
	}
	v.messages = v.messages[v.place(c.Field("after_id").String())+1:]
	limit := int(c.Field("limit").Int())
	if limit < 1 || limit > page {
		limit = page
	}
	type listing struct {
		envelope
		FirstID string `json:"first_id"`
		LastID  string `json:"last_id"`
		HasMore bool   `json:"has_more"`
	}
	out := listing{HasMore: len(v.messages) > limit}
	list := v.messages[:min(limit, len(v.messages))]
	if len(list) > 0 {
		out.FirstID, out.LastID = list[0].ID, list[len(list)-1].ID
	}
	out.envelope = envelope{Data: append([]storedMessage{}, list...), Detail: detail{c.logid}}
	return mock.Plain(http.StatusOK, typeJSON, jsonx.Marshal(out))
}

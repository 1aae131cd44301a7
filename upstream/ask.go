package upstream

import (
	"errors"
	"slices"
)

// Question is a question in terms of this server's own API.
type Question struct {
	// Messages are the conversation; the last message is the question. Without messages,
	// the format asks a default question, such as [DefaultQuestion].
	Messages []Message

	// Bot and User are ids for services with such ids. The format has defaults for empty
	// ids.
	Bot, User string
}

// Message is a message of a conversation. Role is "user", "assistant" or "system".
type Message struct{ Role, Text string }

// DefaultQuestion is the text of a question without messages.
const DefaultQuestion = "你好，请介绍一下 SSE"

// ErrNoModel is the error of [Format.Ask] without a model.
var ErrNoModel = errors.New("model is missing: start the server with --model")

// Conversation returns the messages of the question, or the default question. The first message
// is the system prompt, if there is one.
func (q Question) Conversation(systemPrompt string) []Message {
	all := q.Messages
	if len(all) == 0 {
		all = []Message{{"user", DefaultQuestion}}
	}
	if systemPrompt != "" {
		all = slices.Concat([]Message{{"system", systemPrompt}}, all)
	}
	return all
}

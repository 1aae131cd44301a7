package summary

import (
	"iter"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// NamedEvent is the type that the events of a job may have, if they have one.
const NamedEvent = "progress"

// Resume has a job go on where another one that was lost has stopped: seen are the
// events which that one told. It returns the chat of it, empty if that is not known,
// and reports false if the events are not those of a job or have told its end.
func (j *Job) Resume(seen iter.Seq[typewriter.Event]) (chatID, conversationID string, ok bool) {
	for e := range seen {
		told := gjson.Parse(e.Frame.Head)
		if name := e.Frame.Name; e.Frame.IsText() || name != "" && name != NamedEvent || told.Get("status").Str != statusProcessing {
			return "", "", false
		}
		ok = true
		j.EventName = e.Frame.Name
		j.Lang = langOf(told.Get("message").Str)
		j.value = told.Get("progress").Num
		if id := told.Get("chat_id").Str; id != "" {
			chatID, conversationID = id, told.Get("conversation_id").Str
			j.answer.ChatID, j.answer.ConversationID = chatID, conversationID
			j.stage = upstream.Created
		}
	}
	return chatID, conversationID, ok
}

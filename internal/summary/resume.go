package summary

import (
	"iter"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// NamedEvent is the type of the events of a job that names its events.
const NamedEvent = "progress"

// Resume makes the job continue another one that was lost, given the events of that one.
// It returns the chat of the lost job, which may be unknown. It reports false if the
// events are not those of a job, or contain its end.
func (j *Job) Resume(recorded iter.Seq[typewriter.Event]) (chat upstream.Chat, ok bool) {
	for e := range recorded {
		update := gjson.Parse(e.Frame.Head)
		if name := e.Frame.Name; e.Frame.IsText() || name != "" && name != NamedEvent || update.Get("status").Str != statusProcessing {
			return upstream.Chat{}, false
		}
		ok = true
		j.EventName = e.Frame.Name
		j.Lang = langOf(update.Get("message").Str)
		j.value = update.Get("progress").Num
		if id := update.Get("chat_id").Str; id != "" {
			chat = upstream.Chat{ID: id, Conversation: update.Get("conversation_id").Str}
			j.answer.Chat = chat
			j.stage = upstream.Created
		}
	}
	return chat, ok
}

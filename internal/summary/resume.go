package summary

import (
	"iter"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// NamedEvent is the type of a job's events, if the client wants a type.
const NamedEvent = "progress"

// Resume makes the job continue a lost job, given the events of the lost job. Resume returns
// the chat of the lost job, which may be unknown, and false unless the events are the
// beginning of a job.
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

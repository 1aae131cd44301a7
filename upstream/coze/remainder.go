package coze

import (
	"iter"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/upstream"
)

// chatEndings maps the final states of a chat to events. No event reports a canceled chat. A
// chat in any other state is running.
var chatEndings = map[string]string{
	statusCompleted:   eventChatCompleted,
	"failed":          eventChatFailed,
	"requires_action": eventRequiresAction,
	"canceled":        "",
}

// statusCompleted is the state of a successful chat.
const statusCompleted = "completed"

// remainder returns the missing events of a stream, given the final state of the chat and
// all messages: the rest of each message's texts followed by the complete message, then the
// end of the chat and of the stream.
func remainder(progress *progress, chat, messages gjson.Result) iter.Seq[upstream.Event] {
	return func(yield func(upstream.Event) bool) {
		d := &decoder{}
		// Without knowing the messages of all texts, no text is known to be missing.
		withText := !progress.unattributed && !hasUnlisted(progress, messages)
		for _, m := range incomplete(progress, messages) {
			if withText {
				for _, e := range remainingText(progress.messages[m.id], m, d) {
					if !yield(e) {
						return
					}
				}
			}
			if !yield(d.Decode(eventCompleted, m.data)) {
				return
			}
		}
		if name := chatEndings[chat.Get("status").String()]; name != "" {
			if !yield(d.Decode(name, chat.Raw)) {
				return
			}
		}
		yield(doneEvent())
	}
}

// doneEvent returns the last event of a stream.
func doneEvent() upstream.Event { return upstream.Pass(eventDone, doneData, done) }

// incomplete returns the messages without a completion in the stream. A stream that
// continues a chat, as after a tool call, does not contain earlier messages.
func incomplete(progress *progress, messages gjson.Result) []message {
	var list []message
	begun := progress.begun
	for _, item := range messages.Array() {
		m := readMessage(item.Raw)
		known := progress.messages[m.id]
		if known != nil && !begun {
			begun, list = true, nil
		}
		if (known == nil || !known.completed) && !m.isQuestion() && item.IsObject() {
			list = append(list, m)
		}
	}
	return list
}

// remainingText returns the rest of each of a message's texts as a delta. If a text does not
// begin with the delivered part, only the complete message follows. known is nil if the
// stream has delivered nothing of the message.
func remainingText(known *messageProgress, m message, d *decoder) []upstream.Event {
	if known == nil {
		known = &messageProgress{}
	}
	if known.ambiguous {
		return nil
	}
	var events []upstream.Event
	for _, kind := range textKinds {
		text := &known.texts[kind]
		full, high := jsontext.Unescape(nil, m.texts[kind], 0)
		rest, ok := text.Rest(jsontext.AppendSurrogate(full, high))
		if !ok || rest == "" {
			continue
		}
		e := text.last
		if e.Text = rest; e.Frame == nil {
			e = d.Decode(eventDelta, m.delta(kind, rest))
		}
		events = append(events, e)
	}
	return events
}

// hasUnlisted reports whether the list lacks an incomplete message of the stream.
func hasUnlisted(progress *progress, messages gjson.Result) bool {
	open := make(map[string]bool)
	for id, m := range progress.messages {
		if !m.completed {
			open[id] = true
		}
	}
	for _, item := range messages.Array() {
		delete(open, item.Get("id").String())
	}
	return len(open) > 0
}

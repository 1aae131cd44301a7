package upstream

import (
	"iter"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
)

// remainder returns the events that a stream did not come to, given the chat as it ended
// and its messages: of each message what is left of its texts, and the message itself;
// then how the chat ended, and the stream's end.
func remainder(progress *progress, chat, messages gjson.Result) iter.Seq[typewriter.Event] {
	return func(yield func(typewriter.Event) bool) {
		decoder := cozeDecoder{}
		// If it is not known which message a text was of, none is sure to be missing.
		withText := !progress.unattributed && !hasUnlisted(progress, messages)
		for _, m := range incomplete(progress, messages) {
			if withText {
				for _, e := range remainingText(progress.messages[m.id], m, &decoder) {
					if !yield(e) {
						return
					}
				}
			}
			if e, _ := decoder.event(eventCompleted, m.data); !yield(e) {
				return
			}
		}
		if name := chatEndings[chat.Get("status").String()]; name != "" {
			if e, _ := decoder.event(name, chat.Raw); !yield(e) {
				return
			}
		}
		yield(DoneEvent())
	}
}

// incomplete returns the messages that the stream has not completed. If it did not begin
// the chat but went on with it, as after a tool's call, those before its first are not
// its own.
func incomplete(seen *progress, messages gjson.Result) []listedMessage {
	var list []listedMessage
	begun := seen.begun
	for _, item := range messages.Array() {
		m := readListed(item.Raw)
		known := seen.messages[m.id]
		if known != nil && !begun {
			begun, list = true, nil
		}
		if (known == nil || !known.completed) && !m.isQuestion() && item.IsObject() {
			list = append(list, m)
		}
	}
	return list
}

// remainingText returns a message's texts as far as the stream has not come to them, each in
// one delta; what is not sure to be the rest is left to the completed message to tell.
// A message of which nothing has come is nil.
func remainingText(known *messageProgress, m listedMessage, decoder *cozeDecoder) []typewriter.Event {
	if known == nil {
		known = &messageProgress{}
	}
	if known.ambiguous {
		return nil
	}
	var events []typewriter.Event
	for _, field := range []textField{fieldReasoning, fieldContent} {
		whole, high := jsontext.Unescape(nil, m.texts[field], 0)
		rest, ok := known.texts[field].Rest(jsontext.AppendSurrogate(whole, high))
		if !ok || rest == "" {
			continue
		}
		e := typewriter.Event{Frame: known.texts[field].frame, Text: rest}
		if e.Frame == nil {
			e, _ = decoder.event(eventDelta, m.delta(field, rest))
		}
		events = append(events, e)
	}
	return events
}

// hasUnlisted reports whether a message that has begun is not in a chat's list.
func hasUnlisted(seen *progress, messages gjson.Result) bool {
	open := make(map[string]bool)
	for id, m := range seen.messages {
		if !m.completed {
			open[id] = true
		}
	}
	for _, item := range messages.Array() {
		delete(open, item.Get("id").String())
	}
	return len(open) > 0
}

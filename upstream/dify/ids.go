package dify

import (
	"cmp"
	"encoding/json"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// ids are the ids in the events of a stream, as far as events have named them: a workflow has a
// run, a chat a message and a conversation, and a chatflow all of them.
type ids struct{ taskID, run, message, conversation string }

// learn adds the ids of an event.
func (i *ids) learn(m *upstream.Meaning) {
	taskID, run, _ := strings.Cut(m.Chat.ID, "/")
	i.taskID, i.run = cmp.Or(i.taskID, taskID), cmp.Or(i.run, run)
	i.message, i.conversation = cmp.Or(i.message, m.Message), cmp.Or(i.conversation, m.Chat.Conversation)
}

// eventOf has the fields that the events of a stream share.
type eventOf struct {
	Event        string `json:"event"`
	Conversation string `json:"conversation_id,omitempty"`
	Message      string `json:"message_id,omitempty"`
	Task         string `json:"task_id"`
	Run          string `json:"workflow_run_id,omitempty"`
}

// messageEnd returns the end of a message, without the usage.
func (i ids) messageEnd() string {
	return string(jsonx.Marshal(struct {
		eventOf
		ID       string   `json:"id"`
		Metadata struct{} `json:"metadata"`
	}{eventOf: eventOf{eventMessageEnd, i.conversation, i.message, i.taskID, ""}, ID: i.message}))
}

// answer returns a message with a text.
func (i ids) answer(text string) string {
	return string(jsonx.Marshal(struct {
		eventOf
		ID     string `json:"id"`
		Answer string `json:"answer"`
	}{eventOf{eventMessage, i.conversation, i.message, i.taskID, ""}, i.message, text}))
}

// messageReplace returns an event that replaces the text of a message.
func (i ids) messageReplace(text string) string {
	return string(jsonx.Marshal(struct {
		eventOf
		Answer string `json:"answer"`
	}{eventOf{eventMessageReplace, i.conversation, i.message, i.taskID, ""}, text}))
}

// workflowFinished returns the end of a workflow.
func (i ids) workflowFinished(data map[string]json.RawMessage) string {
	return string(jsonx.Marshal(struct {
		eventOf
		Data map[string]json.RawMessage `json:"data"`
	}{eventOf{eventWorkflowFinished, i.conversation, i.message, i.taskID, i.run}, data}))
}

// stopped implements [upstream.Format.Stopped]. A stopped stream ends as at the service, but
// without the usage and the outputs.
func stopped(sent upstream.Sent) []typewriter.Event {
	var known ids
	for _, e := range []typewriter.Event{sent.First, sent.Last} {
		if e.Frame != nil {
			known.learn((&decoder{}).Decode("", e.Payload()).Meaning)
		}
	}
	var events []typewriter.Event
	if known.message != "" {
		events = append(events, upstream.Pass("", known.messageEnd(), nil).Event)
	}
	if known.run != "" {
		data := map[string]json.RawMessage{"id": jsonx.Marshal(known.run), "status": []byte(`"stopped"`), "outputs": []byte("null")}
		events = append(events, upstream.Pass("", known.workflowFinished(data), nil).Event)
	}
	return events
}

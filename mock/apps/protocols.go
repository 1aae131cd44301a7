package apps

import (
	"encoding/json"

	"sse-typewriter/internal/jsonx"
)

// protocol encodes the parts of a reply as the data of events.
type protocol interface {
	// begin and end are the events around a reply.
	begin() []event
	end() []event

	// text is the event with a piece of a text; open and closing are the events around the
	// text.
	open(kind textKind) []event
	text(kind textKind, piece string) event
	closing(kind textKind) []event

	// tool is a call and its result.
	tool(name string, input json.RawMessage) []event

	// fail is an error at the end of a reply.
	fail(msg string) []event
}

// event is the data of an event: its type, and other members.
type event map[string]any

// textKind is the kind of a text.
type textKind int

const (
	answer textKind = iota
	thought
)

// encode returns the event as JSON; nil is the end of a UI message stream. Clients and
// recorded streams have the type first.
func (e event) encode() []byte {
	if e == nil {
		return []byte("[DONE]")
	}
	others := event{}
	for key, value := range e {
		if key != "type" {
			others[key] = value
		}
	}
	head := append([]byte(`{"type":`), jsonx.Marshal(e["type"])...)
	if len(others) == 0 {
		return append(head, '}')
	}
	return append(append(head, ','), jsonx.Marshal(others)[1:]...)
}

// uiMessages is the UI message stream.
type uiMessages struct{ id string }

func (p uiMessages) begin() []event {
	return []event{{"type": "start", "messageId": p.id}, {"type": "start-step"}}
}

func (p uiMessages) end() []event {
	return []event{{"type": "finish-step"}, {"type": "finish", "finishReason": "stop"}, nil}
}

func (p uiMessages) name(kind textKind, suffix string) string {
	return [...]string{answer: "text", thought: "reasoning"}[kind] + suffix
}

func (p uiMessages) open(kind textKind) []event {
	return []event{{"type": p.name(kind, "-start"), "id": p.name(kind, "-0")}}
}

func (p uiMessages) text(kind textKind, piece string) event {
	return event{"type": p.name(kind, "-delta"), "id": p.name(kind, "-0"), "delta": piece}
}

func (p uiMessages) closing(kind textKind) []event {
	return []event{{"type": p.name(kind, "-end"), "id": p.name(kind, "-0")}}
}

func (p uiMessages) tool(name string, input json.RawMessage) []event {
	const id = "call_standin"
	return []event{
		{"type": "tool-input-start", "toolCallId": id, "toolName": name},
		{"type": "tool-input-delta", "toolCallId": id, "inputTextDelta": string(input)},
		{"type": "tool-input-available", "toolCallId": id, "toolName": name, "input": input},
		{"type": "tool-output-available", "toolCallId": id, "output": "sunny"},
	}
}

func (p uiMessages) fail(msg string) []event {
	return []event{{"type": "error", "errorText": msg}, {"type": "finish-step"}, {"type": "finish", "finishReason": "error"}, nil}
}

// agui is AG-UI.
type agui struct{ thread, run string }

func (p agui) begin() []event {
	return []event{{"type": "RUN_STARTED", "threadId": p.thread, "runId": p.run}}
}

func (p agui) end() []event {
	return []event{{"type": "RUN_FINISHED", "threadId": p.thread, "runId": p.run}}
}

// message returns an event of the message of a kind.
func (p agui) message(kind textKind, suffix string, members ...any) event {
	e := event{"type": "TEXT_MESSAGE_" + suffix, "messageId": p.run + "-answer"}
	if kind == thought {
		e = event{"type": "REASONING_MESSAGE_" + suffix, "messageId": p.run + "-reasoning"}
	}
	for i := 0; i < len(members); i += 2 {
		e[members[i].(string)] = members[i+1]
	}
	return e
}

func (p agui) open(kind textKind) []event {
	if kind == answer {
		return []event{p.message(kind, "START", "role", "assistant")}
	}
	return []event{{"type": "REASONING_START", "messageId": p.run + "-reasoning"}, p.message(kind, "START", "role", "reasoning")}
}

func (p agui) text(kind textKind, piece string) event {
	return p.message(kind, "CONTENT", "delta", piece)
}

func (p agui) closing(kind textKind) []event {
	events := []event{p.message(kind, "END")}
	if kind == thought {
		events = append(events, event{"type": "REASONING_END", "messageId": p.run + "-reasoning"})
	}
	return events
}

func (p agui) tool(name string, input json.RawMessage) []event {
	const id = "call_standin"
	return []event{
		{"type": "TOOL_CALL_START", "toolCallId": id, "toolCallName": name},
		{"type": "TOOL_CALL_ARGS", "toolCallId": id, "delta": string(input)},
		{"type": "TOOL_CALL_END", "toolCallId": id},
		{"type": "TOOL_CALL_RESULT", "messageId": p.run + "-tool", "toolCallId": id, "content": "sunny", "role": "tool"},
	}
}

func (p agui) fail(msg string) []event { return []event{{"type": "RUN_ERROR", "message": msg}} }

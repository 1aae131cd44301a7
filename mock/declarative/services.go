package declarative

import (
	"fmt"
	"path"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
)

// lastMessage returns the text of the last of some messages: a string, or a list of parts.
func lastMessage(c *mock.Call, messages string) string {
	all := c.Field(messages).Array()
	if len(all) == 0 {
		return ""
	}
	content := all[len(all)-1].Get("content")
	if !content.IsArray() {
		return content.String()
	}
	var parts []string
	for _, part := range content.Get("#.text").Array() {
		parts = append(parts, part.String())
	}
	return strings.Join(parts, "\n")
}

// named is the data of an event or a part of it: fields in their order.
type named []any

// MarshalJSON writes pairs of a name and a value.
func (n named) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	for i := 0; i < len(n); i += 2 {
		fmt.Fprintf(&b, "%s%q:%s", map[bool]string{true: "{", false: ","}[i == 0], n[i], jsonx.Marshal(n[i+1]))
	}
	return []byte(b.String() + "}"), nil
}

func usage(written int) named {
	return named{"total_tokens", 10 + written, "output_tokens", written, "input_tokens", 10}
}

// finishOf returns the reason for the end, which DashScope writes as a string before the end too.
func finishOf(p part) string {
	if p.isLast {
		return "stop"
	}
	return "null"
}

var dashScope = service{
	has: func(p string) bool {
		app, _ := path.Match("/*/*/apps/*/completion", p)
		return strings.HasSuffix(p, "/aigc/text-generation/generation") || strings.HasSuffix(p, "/aigc/multimodal-generation/generation") || app
	},
	question: func(c *mock.Call) string {
		if prompt := c.Field("input.prompt").String(); prompt != "" {
			return prompt
		}
		return lastMessage(c, "input.messages")
	},
	streams: func(c *mock.Call) bool {
		return c.Header.Get("X-DashScope-SSE") == "enable" || c.Header.Get("Accept") == "text/event-stream"
	},
	repeats: func(c *mock.Call) bool { return !c.Field("parameters.incremental_output").Bool() },
	event: func(p part) mock.Event {
		message := named{"content", p.text, "reasoning_content", p.thinking, "role", "assistant"}
		output := named{"choices", []named{{"message", message, "finish_reason", finishOf(p)}}}
		switch {
		case strings.HasSuffix(p.path, "/completion"):
			output = named{"session_id", p.id, "finish_reason", finishOf(p), "text", p.text}
		case strings.Contains(p.path, "multimodal"):
			content := []named{}
			if p.text != "" {
				content = append(content, named{"text", p.text})
			}
			output = named{"choices", []named{{"message", named{"content", content, "role", "assistant"}, "finish_reason", finishOf(p)}}}
		}
		return mock.Event{Name: "result", Data: jsonx.Marshal(named{"output", output, "usage", usage(p.written), "request_id", p.id})}
	},
	failure: func(code, msg string) (mock.Event, []byte) {
		body := jsonx.Marshal(named{"code", code, "message", msg, "request_id", "stand-in"})
		return mock.Event{Name: "error", Data: body}, body
	},
	encode: func(number int, e mock.Event) []byte {
		status := 200
		if e.Name == "error" {
			status = 400
		}
		return fmt.Appendf(nil, "id:%d\nevent:%s\n:HTTP_STATUS/%d\ndata:%s\n\n", number+1, e.Name, status, e.Data)
	},
}

var lke = service{
	has:      func(p string) bool { return strings.HasSuffix(p, "/qbot/chat/sse") },
	question: func(c *mock.Call) string { return c.Field("content").String() },
	streams:  func(*mock.Call) bool { return true },
	repeats:  func(c *mock.Call) bool { return !c.Field("incremental").Bool() },
	event: func(p part) mock.Event {
		if p.thinking != "" && p.text == "" {
			procedure := named{"index", 0, "name", "thought", "debugging", named{"content", p.thinking}}
			return mock.Event{Name: "thought", Data: jsonx.Marshal(named{"type", "thought", "payload", named{"record_id", p.id, "procedures", []named{procedure}}})}
		}
		payload := named{"content", p.text, "is_final", p.isLast, "is_from_self", false, "record_id", p.id, "reply_method", 1}
		return mock.Event{Name: "reply", Data: jsonx.Marshal(named{"type", "reply", "payload", payload})}
	},
	failure: func(_, msg string) (mock.Event, []byte) {
		const code = 460004
		data := jsonx.Marshal(named{"type", "error", "error", named{"code", code, "message", msg}})
		return mock.Event{Name: "error", Data: data}, jsonx.Marshal(named{"code", code, "message", msg})
	},
	encode: mock.CompactSSE,
}

var appBuilder = service{
	has:      func(p string) bool { return strings.HasSuffix(p, "/app/conversation/runs") },
	question: func(c *mock.Call) string { return c.Field("query").String() },
	streams:  func(c *mock.Call) bool { return c.Field("stream").Bool() },
	repeats:  func(*mock.Call) bool { return false },
	event: func(p part) mock.Event {
		content := []named{}
		if p.text != "" {
			content = append(content, named{"event_code", 0, "event_type", "ChatAgent", "event_status", "running", "content_type", "text", "outputs", named{"text", p.text}})
		}
		return mock.Event{Data: jsonx.Marshal(named{"request_id", p.id, "conversation_id", "c", "message_id", p.id, "answer", p.text, "is_completion", p.isLast, "content", content})}
	},
	failure: unnamedFailure("code", "message"),
	encode:  unnamed,
}

var wenxin = service{
	has:      func(p string) bool { return strings.Contains(p, "/wenxinworkshop/chat/") },
	question: func(c *mock.Call) string { return lastMessage(c, "messages") },
	streams:  func(c *mock.Call) bool { return c.Field("stream").Bool() },
	repeats:  func(*mock.Call) bool { return false },
	event: func(p part) mock.Event {
		return mock.Event{Data: jsonx.Marshal(named{
			"id", p.id, "object", "chat.completion", "created", 1, "sentence_id", p.number, "is_end", p.isLast, "is_truncated", false,
			"result", p.text, "need_clear_history", false, "usage",
			named{"prompt_tokens", 10, "completion_tokens", p.written, "total_tokens", 10 + p.written},
		})}
	},
	failure: unnamedFailure("error_code", "error_msg"),
	encode:  unnamed,
}

// unnamedFailure returns the function failure of a service with unnamed events.
func unnamedFailure(code, msg string) func(string, string) (mock.Event, []byte) {
	return func(value, text string) (mock.Event, []byte) {
		body := jsonx.Marshal(named{code, value, msg, text})
		return mock.Event{Data: body}, body
	}
}

// unnamed is the [mock.Encoder] of unnamed events.
func unnamed(_ int, e mock.Event) []byte { return fmt.Appendf(nil, "data: %s\n\n", e.Data) }

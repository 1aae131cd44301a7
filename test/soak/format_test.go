package soak

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"
)

// format is a format as a client sees the service.
type format struct {
	name   string
	path   string
	query  string
	body   func(question string) string
	header http.Header // besides the credential

	text    func(name string, data gjson.Result) string // of an event
	isEnd   func(name, data string) bool
	isError func(name string, data gjson.Result) bool

	// recovers is set if a cut answer can be completed from the service. An answer in
	// another format ends in an error if its replica is killed.
	recovers bool
}

// formats are the formats under test.
var formats = []format{
	{
		name: "coze", path: "/v3/chat", recovers: true,
		body: func(question string) string {
			return fmt.Sprintf(`{"bot_id":"1","user_id":"u","stream":true,"auto_save_history":true,"additional_messages":[{"role":"user","content":%q,"content_type":"text"}]}`, question)
		},
		text: func(name string, data gjson.Result) string {
			if name != "conversation.message.delta" {
				return ""
			}
			return data.Get("reasoning_content").Str + data.Get("content").Str
		},
		isEnd:   func(name, _ string) bool { return name == "done" },
		isError: func(name string, _ gjson.Result) bool { return name == "error" || name == "conversation.chat.failed" },
	},
	{
		name: "openai", path: "/v1/chat/completions",
		body: func(question string) string {
			return fmt.Sprintf(`{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":%q}]}`, question)
		},
		text: func(_ string, data gjson.Result) string {
			return data.Get("choices.0.delta.reasoning_content").Str + data.Get("choices.0.delta.content").Str
		},
		isEnd:   func(_, data string) bool { return data == "[DONE]" },
		isError: func(_ string, data gjson.Result) bool { return data.Get("error").Exists() },
	},
	{
		name: "responses", path: "/v1/responses",
		body: func(question string) string {
			return fmt.Sprintf(`{"model":"gpt-4o","stream":true,"input":%q}`, question)
		},
		text: func(name string, data gjson.Result) string {
			if !strings.HasSuffix(name, ".delta") {
				return ""
			}
			return data.Get("delta").Str
		},
		isEnd:   func(name, _ string) bool { return name == "response.completed" },
		isError: func(name string, _ gjson.Result) bool { return name == "error" || name == "response.failed" },
	},
	{
		name: "anthropic", path: "/v1/messages", header: http.Header{"Anthropic-Version": {"2023-06-01"}},
		body: func(question string) string {
			return fmt.Sprintf(`{"model":"claude-sonnet-4-5","max_tokens":1024,"stream":true,"messages":[{"role":"user","content":%q}]}`, question)
		},
		text: func(_ string, data gjson.Result) string {
			return data.Get("delta.thinking").Str + data.Get("delta.text").Str
		},
		isEnd:   func(name, _ string) bool { return name == "message_stop" },
		isError: func(name string, _ gjson.Result) bool { return name == "error" },
	},
	{
		name: "gemini", path: "/v1beta/models/gemini-2.5-flash:streamGenerateContent", query: "alt=sse",
		body: func(question string) string {
			return fmt.Sprintf(`{"contents":[{"role":"user","parts":[{"text":%q}]}]}`, question)
		},
		text: func(_ string, data gjson.Result) string {
			return strings.Join(texts(data.Get("candidates.0.content.parts.#.text")), "")
		},
		isEnd: func(_, data string) bool {
			return gjson.Get(data, "candidates.0.finishReason").Exists()
		},
		isError: func(_ string, data gjson.Result) bool { return data.Get("error").Exists() },
	},
	{
		name: "dify", path: "/v1/chat-messages",
		body: func(question string) string {
			return fmt.Sprintf(`{"inputs":{},"query":%q,"response_mode":"streaming","user":"u"}`, question)
		},
		text: func(_ string, data gjson.Result) string {
			if name := data.Get("event").Str; name != "message" && name != "agent_message" {
				return ""
			}
			return data.Get("answer").Str
		},
		isEnd:   func(_, data string) bool { return gjson.Get(data, "event").Str == "message_end" },
		isError: func(_ string, data gjson.Result) bool { return data.Get("event").Str == "error" },
	},
	{
		name: "coze-workflow", path: "/v1/workflow/stream_run",
		body: func(question string) string {
			return fmt.Sprintf(`{"workflow_id":"1","parameters":{"input":%q}}`, question)
		},
		text: func(name string, data gjson.Result) string {
			if name != "Message" {
				return ""
			}
			return data.Get("content").Str
		},
		isEnd:   func(name, _ string) bool { return name == "Done" },
		isError: func(name string, _ gjson.Result) bool { return name == "Error" },
	},
	{
		name: "ollama", path: "/api/chat",
		body: func(question string) string {
			return fmt.Sprintf(`{"model":"llama3","messages":[{"role":"user","content":%q}]}`, question)
		},
		text: func(_ string, data gjson.Result) string {
			return data.Get("message.thinking").Str + data.Get("message.content").Str
		},
		isEnd:   func(_, data string) bool { return gjson.Get(data, "done").Bool() },
		isError: func(_ string, data gjson.Result) bool { return data.Get("error").Exists() },
	},
}

func texts(list gjson.Result) (all []string) {
	for _, text := range list.Array() {
		all = append(all, text.Str)
	}
	return all
}

// textOf returns the text of a body, of events or of lines of JSON.
func (f format) textOf(body string) string {
	var text strings.Builder
	if strings.HasPrefix(body, "{") {
		for line := range strings.Lines(body) {
			text.WriteString(f.text("", gjson.Parse(line)))
		}
		return text.String()
	}
	for e, err := range sse.Read(strings.NewReader(body), nil) {
		if err == nil {
			text.WriteString(f.text(e.Type, gjson.Parse(e.Data)))
		}
	}
	return text.String()
}

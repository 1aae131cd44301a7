package coze

import (
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf16"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
)

// The codes of Coze's errors that the stand-in uses.
const (
	codeBadRequest = 4000
	codeRateLimit  = 4013
	codeBadToken   = 4100
	codeNoAccess   = 4101
	codeNotFound   = 4200
	codeInternal   = 5000
	codeTokenWrong = 700012006
)

const (
	typeEvents = "text/event-stream"
	typeJSON   = "application/json; charset=utf-8"
	typeText   = "text/plain; charset=utf-8"
	typeFile   = "application/octet-stream"
)

// The names of Coze's stream events.
const (
	eventChatCreated      = "conversation.chat.created"
	eventChatInProgress   = "conversation.chat.in_progress"
	eventChatCompleted    = "conversation.chat.completed"
	eventChatFailed       = "conversation.chat.failed"
	eventRequiresAction   = "conversation.chat.requires_action"
	eventMessageDelta     = "conversation.message.delta"
	eventMessageCompleted = "conversation.message.completed"
	eventAudioDelta       = "conversation.audio.delta"
	eventError            = "error"
	eventDone             = "done"
)

// doneData is the payload of the last event: a string of JSON, quotes and all.
const doneData = `"[DONE]"`

// The states of a chat.
const (
	statusCreated        = "created"
	statusInProgress     = "in_progress"
	statusCompleted      = "completed"
	statusFailed         = "failed"
	statusRequiresAction = "requires_action"
	statusCanceled       = "canceled"
)

// message is Coze's message object. Its text is held as JSON, because some
// scenarios spell it in a way of their own. A delta has no CreatedAt.
type message struct {
	ID               string          `json:"id"`
	ConversationID   string          `json:"conversation_id"`
	BotID            string          `json:"bot_id"`
	Role             string          `json:"role"`
	Type             string          `json:"type"`
	Content          json.RawMessage `json:"content"`
	ReasoningContent json.RawMessage `json:"reasoning_content,omitempty"`
	ContentType      string          `json:"content_type"`
	ChatID           string          `json:"chat_id"`
	SectionID        string          `json:"section_id"`
	CreatedAt        int64           `json:"created_at,omitempty"`
}

// size is about what the message holds in memory, in bytes.
func (m *message) size() int {
	const rest = 400
	return rest + len(m.Content) + len(m.ReasoningContent)
}

// chat is Coze's chat object.
type chat struct {
	ID             string          `json:"id"`
	ConversationID string          `json:"conversation_id"`
	BotID          string          `json:"bot_id"`
	CreatedAt      int64           `json:"created_at"`
	CompletedAt    int64           `json:"completed_at,omitempty"`
	LastError      apiError        `json:"last_error"`
	Status         string          `json:"status"`
	RequiredAction *requiredAction `json:"required_action,omitempty"`
	Usage          usage           `json:"usage"`
	SectionID      string          `json:"section_id"`
}

// apiError is an error inside a stream or a chat; code 0 is none.
type apiError struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

type usage struct {
	TokenCount  int `json:"token_count"`
	OutputCount int `json:"output_count"`
	InputCount  int `json:"input_count"`
}

type requiredAction struct {
	Type              string `json:"type"`
	SubmitToolOutputs struct {
		ToolCalls []toolCall `json:"tool_calls"`
	} `json:"submit_tool_outputs"`
}

type toolCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// envelope is what Coze's plain replies come in.
type envelope struct {
	Code   int    `json:"code"`
	Msg    string `json:"msg"`
	Data   any    `json:"data,omitempty"`
	Detail detail `json:"detail"`
}

type detail struct {
	LogID string `json:"logid"`
}

func (e envelope) encode() []byte { return jsonx.Marshal(e) }

// refuse is an error reply. Coze sends most of its errors with status 200.
func (c *call) refuse(status, code int, msg string) mock.Reply {
	return mock.Plain(status, typeJSON, jsonx.Marshal(envelope{Code: code, Msg: msg, Detail: detail{c.logid}}))
}

// deliver is a plain reply that went well.
func (c *call) deliver(data any) mock.Reply {
	return mock.Plain(http.StatusOK, typeJSON, jsonx.Marshal(envelope{Data: data, Detail: detail{c.logid}}))
}

// stream is a reply that consists of events.
func stream(steps []mock.Step, ending mock.Ending) mock.Reply {
	return mock.Stream(typeEvents, steps, ending)
}

// quote writes text as a JSON string with only what must be escaped escaped.
// (encoding/json would escape U+2028 and U+2029 too, which Coze need not.)
func quote(text string) json.RawMessage {
	return quoteWith(text, func(out []byte, r rune) []byte {
		if r < ' ' {
			return append(out, escape(r)...)
		}
		return utf8.AppendRune(out, r)
	})
}

// quoteASCII writes text as a JSON string with everything escaped that may be.
func quoteASCII(text string) json.RawMessage {
	return quoteWith(text, func(out []byte, r rune) []byte {
		switch {
		case r == '/':
			return append(out, `\/`...)
		case r < ' ' || r > '~':
			return append(out, escape(r)...)
		}
		return append(out, byte(r))
	})
}

// quoteWith writes text as a JSON string. What has no short escape is left to
// other, which appends it.
func quoteWith(text string, other func([]byte, rune) []byte) json.RawMessage {
	out := make([]byte, 0, len(text)+2)
	out = append(out, '"')
	for _, r := range text {
		switch r {
		case '"', '\\':
			out = append(out, '\\', byte(r))
		case '\n':
			out = append(out, `\n`...)
		case '\t':
			out = append(out, `\t`...)
		case '\r':
			out = append(out, `\r`...)
		default:
			out = other(out, r)
		}
	}
	return append(out, '"')
}

// escape writes a character as one \u escape, or two beyond the first plane.
func escape(r rune) string {
	if high, low := utf16.EncodeRune(r); high != '\uFFFD' {
		return escapeUnit(uint16(high)) + escapeUnit(uint16(low))
	}
	return escapeUnit(uint16(r))
}

func escapeUnit(u uint16) string { return fmt.Sprintf(`\u%04x`, u) }

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

// Codes of Coze's errors.
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

// doneData is the payload of the last event: a JSON string.
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

// message is Coze's message object. The text is JSON, because scenarios differ in the
// encoding. A delta has no CreatedAt.
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

// size returns the approximate memory use of the message in bytes.
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

// envelope is the object around Coze's plain replies.
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

// refuse returns an error reply. Coze sends most errors with status 200.
func (c *call) refuse(status, code int, msg string) mock.Reply {
	return mock.Plain(status, typeJSON, jsonx.Marshal(envelope{Code: code, Msg: msg, Detail: detail{c.logid}}))
}

// deliver returns a successful reply.
func (c *call) deliver(data any) mock.Reply {
	return mock.Plain(http.StatusOK, typeJSON, jsonx.Marshal(envelope{Data: data, Detail: detail{c.logid}}))
}

// stream returns a reply of events.
func stream(steps []mock.Step, ending mock.Ending) mock.Reply {
	return mock.Stream(typeEvents, steps, ending)
}

// quote encodes text as a JSON string with as few escapes as possible. (encoding/json also
// escapes U+2028 and U+2029; Coze does not.)
func quote(text string) json.RawMessage {
	return quoteWith(text, func(out []byte, r rune) []byte {
		if r < ' ' {
			return append(out, escape(r)...)
		}
		return utf8.AppendRune(out, r)
	})
}

// quoteASCII encodes text as a JSON string with as many escapes as possible.
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

// quoteWith encodes text as a JSON string. other appends the characters without a short
// escape.
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

// escape returns a character as one \u escape, or as two beyond the first plane.
func escape(r rune) string {
	if high, low := utf16.EncodeRune(r); high != '\uFFFD' {
		return escapeUnit(uint16(high)) + escapeUnit(uint16(low))
	}
	return escapeUnit(uint16(r))
}

func escapeUnit(u uint16) string { return fmt.Sprintf(`\u%04x`, u) }

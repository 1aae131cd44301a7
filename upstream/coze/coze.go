// Package coze is the wire format of Coze, both the cloud service and coze-studio.
package coze

import (
	"sse-typewriter/upstream"
)

// Options are the settings of the format.
type Options struct {
	// BotID and UserID are the defaults of questions. The service requires a UserID; BotID
	// may be empty if each question names a bot.
	BotID, UserID string

	// KeepStudioDone passes coze-studio's final event on unchanged. Otherwise the event is
	// replaced by the final event of the cloud service, because @coze/api fails at
	// coze-studio's.
	KeepStudioDone bool
}

// The names of events.
const (
	eventDelta          = "conversation.message.delta"
	eventCompleted      = "conversation.message.completed"
	eventChatCreated    = "conversation.chat.created"
	eventChatInProgress = "conversation.chat.in_progress"
	eventChatCompleted  = "conversation.chat.completed"
	eventChatFailed     = "conversation.chat.failed"
	eventRequiresAction = "conversation.chat.requires_action"
	eventError          = "error"
	eventDone           = "done"
	eventStudioDone     = "conversation.stream.done" // of coze-studio
)

// doneData is the data of the done event: a JSON string.
const doneData = `"[DONE]"`

// The paths of the API.
const (
	pathChat     = "/v3/chat"
	pathRetrieve = "/v3/chat/retrieve"
	pathMessages = "/v3/chat/message/list"
	pathCancel   = "/v3/chat/cancel"
)

// headerLogID is the header with the id of a request.
const headerLogID = "X-Tt-Logid"

// New returns the format.
func New(o Options) *upstream.Format {
	return &upstream.Format{
		Name:       "coze",
		Paths:      []string{pathChat, "/v3/chat/submit_tool_outputs", "/v1/workflows/chat"},
		Framing:    upstream.CompactSSE,
		NewDecoder: func() upstream.Decoder { return &decoder{keepStudioDone: o.KeepStudioDone} },
		EventNames: []string{
			eventDelta, eventCompleted, eventChatCreated, eventChatInProgress, eventChatCompleted,
			eventChatFailed, eventRequiresAction, "conversation.audio.delta", eventError, eventDone, eventStudioDone, "ping",
		},
		Dataless:        []string{eventStudioDone},
		Done:            upstream.Pass(eventDone, doneData, nil).Event,
		ErrorEvents:     errorEvents,
		ErrorBody:       errorBody,
		ReadError:       readError,
		RequestIDHeader: headerLogID,
		Heartbeat:       "\n",
		Credentials:     []upstream.Credential{{Header: "Authorization", Prefix: "Bearer "}},
		BrowserHeaders:  []string{"x-coze-client-user-agent"},
		// coze-studio serves these on GET alone, while official SDKs POST to them.
		RetryAsGet: []string{pathRetrieve, pathMessages},
		// coze-py sends, and coze-studio rejects, the empty parameter.
		OmitEmpty:   []string{"conversation_id"},
		Ask:         o.ask,
		Cancel:      cancel,
		NewRecovery: newRecovery,
	}
}

package coze

import (
	"cmp"
	"net/http"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// The names of the events of a workflow.
const (
	workflowMessage   = "Message"
	workflowInterrupt = "Interrupt"
	workflowError     = "Error"
	workflowDone      = "Done"
)

// NewWorkflow returns the format of workflows that are run or resumed as a stream. The events
// are numbered, and so are the messages of each node, in the field node_seq_id: clients find a
// loss by a gap in the numbers. Chats of a workflow have the format of other chats.
//
// The service knows no way to cancel a run, or to find the rest of one: the id of a run is
// only in the last event.
func NewWorkflow() *upstream.Format {
	return &upstream.Format{
		Name:            "coze-workflow",
		Paths:           []string{"/v1/workflow/stream_run", "/v1/workflow/stream_resume"},
		Framing:         upstream.SSE,
		NumbersEvents:   true,
		NewDecoder:      func() upstream.Decoder { return &workflowDecoder{} },
		EventNames:      []string{workflowMessage, workflowInterrupt, workflowError, workflowDone, eventError, "PING"},
		Done:            upstream.Pass(workflowDone, "{}", nil).Event,
		ErrorEvents:     workflowErrorEvents,
		ErrorBody:       errorBody,
		ReadError:       readError,
		BreaksOff:       true, // SDKs yield an error as any other event, and no SDK misses the last event
		RequestIDHeader: headerLogID,
		Heartbeat:       "\n\n",
		Credentials:     []upstream.Credential{{Header: "Authorization", Prefix: "Bearer "}},
		BrowserHeaders:  []string{"x-coze-client-user-agent"},
	}
}

// workflowErrorEvents implements [upstream.Format.ErrorEvents].
func workflowErrorEvents(err *upstream.Error, _ upstream.Sent) []typewriter.Event {
	data := jsonx.Marshal(struct {
		Code int    `json:"error_code"`
		Msg  string `json:"error_message"`
	}{err.Code, err.Msg})
	return []typewriter.Event{upstream.Pass(workflowError, string(data), nil).Event}
}

// workflowFailure decodes the data of an error event, which is plain text from coze-studio.
func workflowFailure(data string) *upstream.Error {
	object := gjson.Parse(data)
	if !object.IsObject() {
		return &upstream.Error{Reason: upstream.ReasonOf(0), Status: http.StatusBadGateway, Msg: cmp.Or(data, "the workflow failed")}
	}
	code := int(cmp.Or(object.Get("error_code").Int(), object.Get("code").Int()))
	msg := cmp.Or(object.Get("error_message").String(), object.Get("msg").String(), "the workflow failed")
	return &upstream.Error{Reason: upstream.ReasonOf(code), Status: http.StatusBadGateway, Code: code, Msg: msg}
}

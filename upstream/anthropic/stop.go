package anthropic

import (
	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// typed is the data of an event without other fields.
type typed struct {
	Type string `json:"type"`
}

// blockStop is the data of the event that ends a block.
type blockStop struct {
	Type  string `json:"type"`
	Index int64  `json:"index"`
}

// newEvent returns an event with data.
func newEvent(name string, data any) typewriter.Event {
	return upstream.Pass(name, string(jsonx.Marshal(data)), nil).Event
}

// stopped implements [upstream.Format.Stopped]: it ends the block with the last text, and the
// message. The message has no stop_reason, because the service has none for it.
func stopped(sent upstream.Sent) []typewriter.Event {
	if sent.Last.Frame == nil {
		return nil // the message has not begun
	}
	var events []typewriter.Event
	switch last := gjson.Parse(sent.Last.Payload()); last.Get("type").Str {
	case eventMessageStop:
		return nil
	case eventBlockStart, eventBlockDelta:
		events = append(events, newEvent(eventBlockStop, blockStop{eventBlockStop, last.Get("index").Int()}))
	}
	return append(events, newEvent(eventMessageStop, typed{eventMessageStop}))
}

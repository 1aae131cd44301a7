package responses

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/openai"
	"sse-typewriter/upstream/split"
)

// The final statuses of a response.
const (
	statusCompleted  = "completed"
	statusIncomplete = "incomplete"
	statusFailed     = "failed"
	statusCancelled  = "cancelled"
)

// meaning returns the meaning of an event that is not split. An event with a response is
// read by the status, because services add types.
func (d *decoder) meaning(eventType string, event gjson.Result) *upstream.Meaning {
	response := d.field("response")
	switch {
	case response.IsObject():
		return d.responseMeaning(eventType, response)
	case eventType == "error" || !strings.HasPrefix(eventType, "response."):
		if failure := openai.ReadFailure(d.members, "the response failed", eventType == "error"); failure != nil {
			return &upstream.Meaning{Kind: upstream.KindFailed, Phase: upstream.Ended, Failure: failure}
		}
		return nil
	case strings.HasSuffix(eventType, ".done"), eventType == "response.content_part.added":
		return d.partMeaning(eventType, event)
	case strings.HasSuffix(eventType, ".delta"), eventType == "response.output_item.added" && isCall(d.field("item")):
		return &upstream.Meaning{Kind: upstream.KindOutput}
	default:
		return nil
	}
}

// responseMeaning returns the meaning of an event with the state of the response.
func (d *decoder) responseMeaning(eventType string, response gjson.Result) *upstream.Meaning {
	if id := response.Get("id").Str; id != d.chatID {
		d.chatID = strings.Clone(id) // a copy does not keep the event in memory
	}
	m := &upstream.Meaning{Chat: upstream.Chat{ID: d.chatID}, Usage: readUsage(response)}
	status := cmp.Or(response.Get("status").Str, strings.TrimPrefix(eventType, "response."))
	switch {
	case status == statusCompleted, status == statusIncomplete:
		m.Kind, m.Phase = upstream.KindCompleted, upstream.Ended
	case status == statusFailed, status == statusCancelled:
		m.Kind, m.Phase = upstream.KindFailed, upstream.Ended
		m.Failure = readFailure(response, status)
	case eventType == "response.created":
		m.Kind = upstream.KindCreated
	case eventType == "response.in_progress":
		m.Kind = upstream.KindWorking
	}
	return m
}

// readFailure returns the error of a response with a final status.
func readFailure(response gjson.Result, status string) *upstream.Error {
	defaultMsg := "the response was " + status
	if status == statusFailed {
		defaultMsg = "the response failed"
	}
	return openai.ReadFailure(split.AppendMembers(nil, gjson.Parse(response.Raw)), defaultMsg, true)
}

func readUsage(response gjson.Result) *upstream.Usage {
	usage := response.Get("usage")
	if !usage.IsObject() {
		return nil
	}
	count := func(name string) int { return int(usage.Get(name).Int()) }
	return &upstream.Usage{
		Input: count("input_tokens"), Output: count("output_tokens"), Total: count("total_tokens"),
		Model: strings.Clone(response.Get("model").Str),
	}
}

// isCall reports whether an item is output other than text, such as a call of a tool.
func isCall(item gjson.Result) bool {
	switch item.Get("type").Str {
	case "", "message", "reasoning":
		return false
	default:
		return true
	}
}

// texts are the types of parts with text, and the fields and kinds of their texts.
var texts = map[string]struct {
	field string
	kind  typewriter.TextKind
}{
	"output_text":            {"text", typewriter.Answer},
	"refusal":                {"refusal", typewriter.Refusal},
	"reasoning_text":         {"text", typewriter.Reasoning},
	"reasoning_summary_text": {"text", typewriter.Reasoning},
}

// textOf returns the whole text of a part with a type, in a channel.
func textOf(v gjson.Result, partType, channel string) []upstream.Text {
	t, ok := texts[partType]
	if text := split.RawString(v.Get(t.field)); ok && text != "" {
		return []upstream.Text{{Kind: t.kind, Channel: channel, Text: text}}
	}
	return nil
}

// partMeaning returns the meaning of an event with a part or an item of the response. Some
// services send whole texts without any deltas before.
func (d *decoder) partMeaning(eventType string, event gjson.Result) *upstream.Meaning {
	item, output, index := d.place()
	m := &upstream.Meaning{Kind: upstream.KindMessageDone, Message: item}
	switch partType := strings.TrimSuffix(strings.TrimPrefix(eventType, "response."), ".done"); partType {
	case "content_part.added":
		part := event.Get("part")
		partType = part.Get("type").Str
		m.Kind = upstream.KindPiece
		m.Texts = textOf(part, partType, channelOf(partType, item, output, index))
	case "output_item":
		item = event.Get("item.id").Str
		m.Message = item
		for i, content := range event.Get("item.content").Array() {
			partType = content.Get("type").Str
			m.Texts = append(m.Texts, textOf(content, partType, channelOf(partType, item, output, strconv.Itoa(i)))...)
		}
	default:
		m.Texts = textOf(event, partType, channelOf(partType, item, output, index))
	}
	if len(m.Texts) == 0 {
		m.Kind = upstream.KindOther
	}
	return m
}

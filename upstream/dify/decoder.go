package dify

import (
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// decoder implements [upstream.Decoder].
type decoder struct {
	runs    split.Runs
	cutter  split.Cutter
	members []split.Member
	inData  []split.Member

	// inWorkflow reports whether the stream is that of a workflow or a chatflow, which ends
	// with the end of the workflow.
	inWorkflow bool
}

// textField is the place of an event's text.
type textField struct {
	inData bool // in the object data
	key    string
	kind   typewriter.TextKind
}

// textFields are the places of texts by event.
var textFields = map[string]textField{
	eventMessage:        {key: "answer"},
	eventAgentMessage:   {key: "answer"},
	eventTextChunk:      {inData: true, key: "text"},
	eventReasoningChunk: {inData: true, key: "reasoning", kind: typewriter.Reasoning},
}

// Decode implements [upstream.Decoder]. Payloads keep all bytes.
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.runs.Decode(name, data); ok {
		return e
	}
	if !gjson.Valid(data) {
		return upstream.Pass(name, data, nil)
	}
	data = jsontext.SingleLine(data)
	d.members = split.AppendMembers(d.members[:0], gjson.Parse(data))
	event := split.Find(d.members, "event").Str
	meaning := &upstream.Meaning{
		Chat: d.chat(), Message: strings.Clone(split.Find(d.members, "message_id").Str),
		Ambiguous: split.MayRepeat(d.members),
	}
	if field, ok := textFields[event]; ok {
		return d.decodeText(upstream.Event{Event: typewriter.Event{Frame: &typewriter.Frame{Name: name}}, Meaning: meaning}, field, data)
	}
	d.interpret(meaning, event)
	return upstream.Pass(name, data, meaning)
}

// chat returns the chat of an event. The id is the id of the task, which can be stopped, and
// of the workflow's run, if there is one.
func (d *decoder) chat() upstream.Chat {
	id := split.Find(d.members, "task_id").Str
	if run := split.Find(d.members, "workflow_run_id").Str; run != "" && id != "" {
		d.inWorkflow = true
		id += "/" + run
	}
	return upstream.Chat{ID: strings.Clone(id), Conversation: strings.Clone(split.Find(d.members, "conversation_id").Str)}
}

// decodeText decodes an event with a text in a field. The frame of e lacks the payload.
func (d *decoder) decodeText(e upstream.Event, field textField, data string) upstream.Event {
	members, event := d.members, split.Find(d.members, "event").Str
	if field.inData {
		d.inData = split.AppendMembers(d.inData[:0], split.Find(d.members, "data"))
		members = d.inData
		e.Meaning.Ambiguous = e.Meaning.Ambiguous || split.MayRepeat(members)
	}
	value := split.Find(members, field.key)
	text := split.RawString(value)
	channel := event + split.Find(members, "from_variable_selector").Raw + split.Find(members, "node_id").Raw + split.Find(d.members, "message_id").Raw
	switch {
	case text == "":
		e.Meaning.Kind = upstream.KindWorking
		return upstream.Pass(e.Frame.Name, data, e.Meaning)
	case e.Meaning.Ambiguous:
		e.Meaning.Kind = upstream.KindPiece
		e.Meaning.Texts = []upstream.Text{{Kind: field.kind, Channel: channel, Text: strings.Clone(text)}}
		return upstream.Pass(e.Frame.Name, data, e.Meaning)
	}
	e.Frame.Channel, e.Frame.Kind = channel, field.kind
	d.cutter.Reset(data, split.TextOf(value))
	d.cutter.Edit(d.members, scopeOf)
	if field.inData {
		d.cutter.Edit(d.inData, scopeOf)
	}
	frame, whole := d.cutter.Frame(*e.Frame)
	e.Frame, e.Text, e.Meaning.Kind = frame, text, upstream.KindText
	d.runs.Begin(e, whole)
	return e
}

// scopeOf returns the scope of a field beside a text: ids and times are repeated.
func scopeOf(m split.Member) split.Scope {
	switch {
	case m.Key == "is_final" && m.Value.Type == gjson.True:
		return split.FalseUntilLast
	case m.Value.Type == gjson.JSON && m.Key != "from_variable_selector" && !split.IsEmpty(m.Value):
		return split.OnlyLast // unknown
	default:
		return split.EveryPiece
	}
}

// interpret adds the meaning of an event without a text to type.
func (d *decoder) interpret(m *upstream.Meaning, event string) {
	data := split.Find(d.members, "data")
	switch event {
	case eventWorkflowStarted:
		m.Kind = upstream.KindCreated
	case eventMessageEnd:
		m.Usage = readUsage(split.Find(d.members, "metadata").Get("usage"))
		m.Kind = upstream.KindMessageDone
		if !d.inWorkflow {
			m.Kind, m.Phase = upstream.KindCompleted, upstream.MayClose
		}
	case eventWorkflowFinished:
		m.Kind, m.Phase = upstream.KindCompleted, upstream.MayClose
		if total := data.Get("total_tokens"); total.Exists() {
			m.Usage = &upstream.Usage{Total: int(total.Int())}
		}
		if data.Get("status").Str == "failed" {
			m.Kind, m.Failure = upstream.KindFailed, newError(data.Get("error").String(), "", "the workflow failed")
		}
	case eventWorkflowPaused:
		m.Kind, m.Phase = upstream.KindNeedsTool, upstream.MayClose
		m.Failure = newError("", "", "the workflow waits for a human")
	case eventError:
		m.Kind, m.Phase = upstream.KindFailed, upstream.Ended
		m.Failure = newError(split.Find(d.members, "message").String(), split.Find(d.members, "code").String(), "the app failed")
	case "node_started", "iteration_started", "loop_started":
		m.Kind = upstream.KindWorking
	case eventMessageReplace:
		replaceBy(m, split.Find(d.members, "answer"))
	case eventTextReplace:
		replaceBy(m, data.Get("text"))
	case "agent_thought", "message_file", "tts_message":
		m.Kind = upstream.KindOutput
	}
}

// replaceBy gives an event the meaning of a text in place of the text before.
func replaceBy(m *upstream.Meaning, text gjson.Result) {
	m.Kind = upstream.KindReplaced
	if raw := split.RawString(text); raw != "" {
		m.Texts = []upstream.Text{{Kind: typewriter.Answer, Channel: eventMessageReplace, Text: strings.Clone(raw)}}
	}
}

func readUsage(v gjson.Result) *upstream.Usage {
	if !v.IsObject() {
		return nil
	}
	count := func(name string) int { return int(v.Get(name).Int()) }
	return &upstream.Usage{Input: count("prompt_tokens"), Output: count("completion_tokens"), Total: count("total_tokens")}
}

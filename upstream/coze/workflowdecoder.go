package coze

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// workflowDecoder implements [upstream.Decoder] for the streams of workflows.
type workflowDecoder struct {
	runs    split.Runs
	nodes   map[string]*node // by the node's key
	cutter  split.Cutter
	members []split.Member
}

// node is the series of a node's messages.
type node struct {
	series     *typewriter.Series
	last       int64 // number from the service
	executions int   // begun before
}

// maxNodes bounds the remembered nodes. A loop may run a node many times, each with a key of
// its own.
const maxNodes = 1000

// Decode implements [upstream.Decoder]. Payloads keep all bytes except the numbers.
func (d *workflowDecoder) Decode(name, data string) upstream.Event {
	if e, ok := d.decodeRepeat(name, data); ok {
		return e
	}
	isJSON := gjson.Valid(data)
	if isJSON {
		data = jsontext.SingleLine(data)
	}
	switch name {
	case workflowMessage:
		if isJSON {
			return d.decodeMessage(name, data)
		}
	case workflowInterrupt:
		return upstream.Pass(name, data, interrupted)
	case workflowError, eventError:
		return upstream.Pass(name, data, &upstream.Meaning{Kind: upstream.KindFailed, Phase: upstream.MayClose, Failure: workflowFailure(data)})
	case workflowDone:
		return upstream.Pass(name, data, done)
	}
	return upstream.Pass(name, data, nil)
}

// interrupted is the meaning of an interrupt, after which the stream ends. The client resumes
// the workflow with the answer to a question, in another request.
var interrupted = &upstream.Meaning{
	Kind: upstream.KindNeedsTool, Phase: upstream.MayClose,
	Failure: serviceError(gjson.Result{}, "the workflow waits for an answer"),
}

// decodeRepeat decodes a message that continues the text of a node, without parsing more than
// the text and the number.
func (d *workflowDecoder) decodeRepeat(name, data string) (upstream.Event, bool) {
	e, number, ok := d.runs.DecodeNumbered(name, data)
	if !ok || isStructured(e.Text) {
		return upstream.Event{}, false
	}
	if e.Frame.Series != nil {
		n := d.nodes[e.Meaning.Message]
		if n == nil || n.series != e.Frame.Series || number <= n.last {
			return upstream.Event{}, false
		}
		n.last = number
	}
	return e, true
}

// decodeMessage decodes a message of a node, which is JSON.
func (d *workflowDecoder) decodeMessage(name, data string) upstream.Event {
	d.members = split.AppendMembers(d.members[:0], gjson.Parse(data))
	key := nodeKey(d.members)
	meaning := &upstream.Meaning{Message: key, Usage: readUsage(split.Find(d.members, "usage"))}
	frame := typewriter.Frame{Name: name, Channel: key}
	digits, number, numbered := split.Natural(split.Find(d.members, "node_seq_id"))
	meaning.Ambiguous = split.MayRepeat(d.members)
	if numbered = numbered && !meaning.Ambiguous; numbered {
		frame.Series = d.series(key, number)
		frame.Channel = frame.Series.Name
	}
	content := split.Find(d.members, "content")
	if text := split.RawString(content); text != "" && isPlainText(d.members) {
		if !meaning.Ambiguous && !isStructured(text) {
			return d.cut(data, content, digits, upstream.Event{Event: typewriter.Event{Frame: &frame, Text: text}, Meaning: meaning})
		}
		meaning.Kind = upstream.KindPiece
		meaning.Texts = []upstream.Text{{Kind: typewriter.Answer, Channel: frame.Channel, Text: strings.Clone(text)}}
	}
	e := upstream.Pass(name, data, meaning)
	if numbered {
		e.Frame.Head = data[:digits.Begin] + data[digits.End:]
		e.Frame.Number, e.Frame.Series = digits.Begin, frame.Series
	}
	return e
}

// cut begins a run with a message whose text is split. The frame of e lacks the payload.
func (d *workflowDecoder) cut(data string, content gjson.Result, digits split.Span, e upstream.Event) upstream.Event {
	d.cutter.Reset(data, split.TextOf(content))
	if e.Frame.Series != nil {
		d.cutter.Number(digits)
	}
	d.cutter.Edit(d.members, scopeInMessage)
	frame, whole := d.cutter.Frame(*e.Frame)
	e.Frame, e.Meaning.Kind = frame, upstream.KindText
	d.runs.Begin(e, whole)
	return e
}

// scopeInMessage returns the scope of a field of a message: names and ids are repeated, costs
// and counts are not.
func scopeInMessage(m split.Member) split.Scope {
	switch {
	case m.Key == "node_is_finish" && m.Value.Type == gjson.True:
		return split.FalseUntilLast
	case m.Key == "node_seq_id", split.IsEmpty(m.Value):
		return split.EveryPiece
	case m.Key == "cost", m.Value.Type == gjson.Number, m.Value.Type == gjson.JSON:
		return split.OnlyLast
	default:
		return split.EveryPiece
	}
}

// isPlainText reports whether the content of a message is text, and not a card for example.
func isPlainText(members []split.Member) bool {
	kind := split.Find(members, "content_type")
	return !kind.Exists() || kind.Type == gjson.Null || kind.Str == "text" || kind.Raw == `""`
}

// isStructured reports whether a text is a JSON object or array as a whole, as the output of a
// workflow without a template. Clients parse such a message.
func isStructured(text string) bool {
	switch text[0] {
	case '{', '[', ' ', '\\':
	default:
		return false
	}
	content := strings.TrimSpace(gjson.Parse(`"` + text + `"`).Str)
	return content != "" && (content[0] == '{' || content[0] == '[') && gjson.Valid(content)
}

// nodeKey returns a name of the node of a message, and of the execution of the node, if known.
func nodeKey(members []split.Member) string {
	var key strings.Builder
	for _, field := range []string{"node_execute_uuid", "node_id", "node_title"} {
		key.WriteString(split.Find(members, field).Raw)
		key.WriteByte(' ')
	}
	return key.String()
}

// series returns the series of a message with a number from the service. A number that does
// not grow begins another execution of the node.
func (d *workflowDecoder) series(key string, number int64) *typewriter.Series {
	n := d.nodes[key]
	if n == nil {
		if d.nodes == nil || len(d.nodes) >= maxNodes {
			d.nodes = make(map[string]*node)
		}
		n = &node{series: &typewriter.Series{Name: key, First: number}}
		d.nodes[key] = n
	} else if number <= n.last {
		n.executions++
		n.series = &typewriter.Series{Name: key + strconv.Itoa(n.executions), First: number}
	}
	n.last = number
	return n.series
}

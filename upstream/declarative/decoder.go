package declarative

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// decoder implements [upstream.Decoder].
type decoder struct {
	*Description
	cutter    split.Cutter
	runs      split.Runs // of events without snapshots
	snapshots snapshots
	texts     []text // of the current event; none is empty
	ambiguous bool   // clients may disagree about the texts of the current event
	name      string // of the current event
	chat      string
}

// text is a text of an event.
type text struct {
	*Text
	channel string
	raw     string
	span    split.Span
	twins   []split.Span
}

// event is a parsed event.
type event struct {
	name string // of the SSE event
	kind string
	data string
	root gjson.Result
}

// Decode implements [upstream.Decoder].
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.runs.Decode(name, data); ok {
		return e
	}
	e := event{name: name, kind: name, data: data}
	if gjson.Valid(data) {
		e.data = jsontext.SingleLine(data)
		e.root = gjson.Parse(e.data)
		if d.Type != nil {
			e.kind = d.Type.first(e.root).String()
		}
	}
	meaning := d.meaning(e)
	if meaning.Kind == upstream.KindFailed || meaning.Kind == upstream.KindDone || !e.root.Exists() {
		return upstream.Pass(name, e.data, meaning)
	}
	d.readTexts(e)
	if len(d.texts) == 0 {
		return upstream.Pass(name, e.data, meaning)
	}
	return d.decodeTexts(e, meaning)
}

// meaning returns the meaning of an event, apart from the texts.
func (d *decoder) meaning(e event) *upstream.Meaning {
	m := &upstream.Meaning{}
	if len(d.Done) == 0 {
		m.Phase = upstream.MayClose
	}
	if id := d.Chat.first(e.root).String(); id != "" && id != d.chat {
		d.chat = strings.Clone(id) // a copy does not keep the event in memory
	}
	m.Chat.ID, m.Message = d.chat, d.chat
	m.Usage = d.Usage.read(e.root)
	for _, s := range d.Done {
		switch {
		case !s.matches(e):
		case s.Path == nil:
			m.Kind, m.Phase = upstream.KindDone, upstream.Ended
		default: // other events may follow
			m.Kind, m.Phase = upstream.KindCompleted, max(m.Phase, upstream.MayClose)
		}
	}
	if slices.ContainsFunc(d.Error.Signs, func(s Sign) bool { return s.matches(e) }) {
		m.Kind, m.Phase, m.Failure = upstream.KindFailed, upstream.Ended, d.Error.read(e.root, "the answer failed")
	}
	return m
}

// matches reports whether an event has the sign.
func (s Sign) matches(e event) bool {
	switch {
	case slices.ContainsFunc(s.Unless, func(s Sign) bool { return s.matches(e) }):
		return false
	case s.Data != "":
		return strings.TrimSpace(e.data) == s.Data
	case s.Type != "":
		return e.kind == s.Type
	default:
		all, _ := s.Path.find(e.root)
		return slices.ContainsFunc(all, func(f found) bool { return s.has(f.value) })
	}
}

// has reports whether a value is that of the sign.
func (s Sign) has(v gjson.Result) bool {
	switch {
	case s.Is != nil:
		return v.String() == *s.Is && v.Type != gjson.Null
	case s.Not != nil:
		return !isZero(v) && v.String() != *s.Not
	default:
		return !isZero(v)
	}
}

// isZero reports whether a value says nothing.
func isZero(v gjson.Result) bool {
	return split.IsEmpty(v) || v.Type == gjson.False || v.Type == gjson.Number && v.Num == 0
}

// read returns the token counts of an event, or nil.
func (u Usage) read(root gjson.Result) *upstream.Usage {
	input, output, total := u.Input.first(root), u.Output.first(root), u.Total.first(root)
	if input.Type != gjson.Number && output.Type != gjson.Number && total.Type != gjson.Number {
		return nil
	}
	counted := upstream.Usage{Input: int(input.Int()), Output: int(output.Int()), Total: int(total.Int())}
	if counted.Total == 0 {
		counted.Total = counted.Input + counted.Output
	}
	return &counted
}

// readTexts finds the texts of an event.
func (d *decoder) readTexts(e event) {
	d.texts, d.ambiguous = d.texts[:0], false
	for i := range d.Texts {
		t := &d.Texts[i]
		if len(t.Types) > 0 && !slices.Contains(t.Types, e.kind) || slices.ContainsFunc(t.Unless, func(s Sign) bool { return s.matches(e) }) {
			continue
		}
		all, repeated := t.Path.find(e.root)
		twins, repeatedTwin := t.Twin.find(e.root)
		d.ambiguous = d.ambiguous || repeated || repeatedTwin
		for _, f := range all {
			if raw := split.RawString(f.value); raw != "" {
				d.texts = append(d.texts, text{Text: t, channel: t.channel(e.root, f.indexes), raw: raw, span: spanOf(f.value), twins: d.twins(twins, raw)})
			}
		}
	}
}

// twins returns the places of copies of a text. Another text in the place of a copy makes the
// event ambiguous.
func (d *decoder) twins(at []found, raw string) (spans []split.Span) {
	for _, f := range at {
		switch split.RawString(f.value) {
		case "":
		case raw:
			spans = append(spans, spanOf(f.value))
		default:
			d.ambiguous = true
		}
	}
	return spans
}

// spanOf returns the place of a text.
func spanOf(v gjson.Result) split.Span {
	return split.Span{Begin: v.Index + 1, End: v.Index + len(v.Raw) - 1}
}

// channel returns the channel of a text: the path, the indexes of the elements of lists, and
// the values that tell texts apart.
func (t *Text) channel(root gjson.Result, indexes []int) string {
	var b strings.Builder
	b.WriteString(t.Path.String())
	for _, i := range indexes {
		b.WriteString(" " + strconv.Itoa(i))
	}
	for _, p := range t.Channel {
		b.WriteString(" " + p.first(root).String())
	}
	return b.String()
}

// decodeTexts decodes an event with texts.
func (d *decoder) decodeTexts(e event, meaning *upstream.Meaning) upstream.Event {
	isRepeat := meaning.Kind != upstream.KindOther
	meaning.Kind = upstream.KindPiece
	if d.Snapshots == "" || d.Snapshots == "no" {
		if len(d.texts) == 1 && !d.ambiguous {
			return d.decodeText(e, meaning)
		}
		return d.pass(e, meaning, d.texts)
	}
	return d.decodeSnapshots(e, meaning, isRepeat)
}

// pass returns an event with texts that is not cut. new are the texts that the events before
// did not have.
func (d *decoder) pass(e event, meaning *upstream.Meaning, new []text) upstream.Event {
	for _, t := range new {
		meaning.Texts = append(meaning.Texts, upstream.Text{Kind: kinds[t.Kind], Channel: t.channel, Text: strings.Clone(t.raw)})
	}
	meaning.Ambiguous = d.ambiguous
	return upstream.Pass(e.name, e.data, meaning)
}

// decodeText decodes an event with a single text that is new.
func (d *decoder) decodeText(e event, meaning *upstream.Meaning) upstream.Event {
	t := d.texts[0]
	meaning.Kind = upstream.KindText
	frame, whole := d.cut(e, t, t.channel)
	decoded := upstream.Event{Event: typewriter.Event{Frame: frame}, Meaning: meaning}
	d.runs.Begin(decoded, whole)
	decoded.Text = t.raw
	return decoded
}

// cut returns the frame of an event with a text, and the payload of the whole event.
func (d *decoder) cut(e event, t text, channel string) (*typewriter.Frame, typewriter.Payload) {
	spans := append([]split.Span{t.span}, t.twins...)
	slices.SortFunc(spans, func(a, b split.Span) int { return a.Begin - b.Begin })
	d.cutter.Reset(e.data, spans[:min(len(spans), 2)]...) // more copies are not cut
	d.edit(nil, e.root)
	return d.cutter.Frame(typewriter.Frame{Name: e.name, Channel: channel, Kind: kinds[t.Kind]})
}

// edit assigns the members of an object or a list that contains the text to pieces, and those
// of the objects and lists within it.
func (d *decoder) edit(path Path, v gjson.Result) {
	members := split.AppendMembers(nil, v)
	anchor := slices.IndexFunc(members, d.cutter.HasText)
	if anchor < 0 {
		return
	}
	place := len(path)
	path = append(path, "")
	d.cutter.Edit(members, func(m split.Member) split.Scope {
		if v.IsArray() { // an element without the text keeps its place
			if m.Begin < members[anchor].Begin {
				return split.OnlyFirst
			}
			return split.OnlyLast
		}
		path[place] = m.Key
		return d.scope(path, m)
	})
	for _, m := range members {
		if d.cutter.HasText(m) {
			path[place] = m.Key
			if v.IsArray() {
				path[place] = anyElement
			}
			d.edit(path, m.Value)
		}
	}
}

// scope returns the pieces with a member of an object.
func (d *decoder) scope(path Path, m split.Member) split.Scope {
	isIt := func(f Field) bool { return slices.Equal(f.Path, path) }
	if split.IsEmpty(m.Value) {
		return split.EveryPiece
	}
	if slices.ContainsFunc(d.First, isIt) {
		return split.OnlyFirst
	}
	i := slices.IndexFunc(d.Last, isIt)
	switch {
	case i < 0 || d.Last[i].Otherwise == m.Value.Raw:
		return split.EveryPiece
	case d.Last[i].Otherwise == "":
		return split.OnlyLast
	default:
		d.cutter.Replace(m, d.Last[i].Otherwise)
		return split.EveryPiece
	}
}

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
	tree      tree // of the current event
	cutter    split.Cutter
	runs      split.Runs // of events without snapshots
	snapshots snapshots
	texts     []text // of the current event; none is empty
	ambiguous bool   // clients may disagree about the texts of the current event
	chat      string
	path      Path     // of the object or list that is cut
	channel   []byte   // buffer
	names     []string // of channels, shared by the events
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
	tree *tree // nil if the data is no JSON
}

// first returns the first value at a path.
func (e event) first(p Path) gjson.Result {
	if e.tree == nil {
		return gjson.Result{}
	}
	return e.tree.first(p)
}

// Decode implements [upstream.Decoder].
func (d *decoder) Decode(name, data string) upstream.Event {
	if e, ok := d.runs.Decode(name, data); ok {
		return e
	}
	e := event{name: name, kind: name, data: data}
	if gjson.Valid(data) {
		e.data = jsontext.SingleLine(data)
		d.tree.reset(gjson.Parse(e.data))
		e.tree = &d.tree
		if d.Type != nil {
			e.kind = e.first(d.Type).String()
		}
	}
	meaning := d.meaning(e)
	if meaning.Kind == upstream.KindFailed || meaning.Kind == upstream.KindDone || e.tree == nil {
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
	if id := e.first(d.Chat).String(); id != "" && id != d.chat {
		d.chat = strings.Clone(id) // a copy does not keep the event in memory
	}
	m.Chat.ID, m.Message = d.chat, d.chat
	m.Usage = d.Usage.read(e)
	for _, s := range d.Done {
		switch {
		case !s.matches(e):
		case s.Path == nil:
			m.Kind, m.Phase = upstream.KindDone, upstream.Ended
		default: // other events may follow
			m.Kind, m.Phase = upstream.KindCompleted, max(m.Phase, upstream.MayClose)
		}
	}
	if own := d.Error.own[e.data]; own != nil {
		m.Kind, m.Phase, m.Failure = upstream.KindFailed, upstream.Ended, own
	} else if slices.ContainsFunc(d.Error.Signs, func(s Sign) bool { return s.matches(e) }) {
		m.Kind, m.Phase, m.Failure = upstream.KindFailed, upstream.Ended, d.Error.read(e.tree, "the answer failed")
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
		if e.tree == nil {
			return false
		}
		var few [4]found
		all, _ := e.tree.find(few[:0], s.Path)
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
func (u Usage) read(e event) *upstream.Usage {
	input, output, total := e.first(u.Input), e.first(u.Output), e.first(u.Total)
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
		var few [4]found
		all, repeated := e.tree.find(few[:0], t.Path)
		if len(all) == 0 && !repeated {
			continue
		}
		twins, repeatedTwin := e.tree.find(nil, t.Twin)
		d.ambiguous = d.ambiguous || repeated || repeatedTwin
		for _, f := range all {
			if raw := split.RawString(f.value); raw != "" {
				d.texts = append(d.texts, text{Text: t, channel: d.channelOf(t, e, f.indexes), raw: raw, span: split.TextOf(f.value), twins: d.twins(twins, raw)})
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
			spans = append(spans, split.TextOf(f.value))
		default:
			d.ambiguous = true
		}
	}
	return spans
}

// channelOf returns the channel of a text: the path, the indexes of the elements of lists, and
// the values that tell texts apart.
func (d *decoder) channelOf(t *Text, e event, at indexes) string {
	d.channel = append(d.channel[:0], t.name...)
	for _, i := range at.at[:at.n] {
		d.channel = strconv.AppendInt(append(d.channel, ' '), int64(i), 10)
	}
	for _, p := range t.Channel {
		d.channel = append(append(d.channel, ' '), e.first(p).String()...)
	}
	for _, name := range d.names {
		if name == string(d.channel) {
			return name
		}
	}
	if len(d.names) == maxChannels {
		d.names = d.names[:0]
	}
	d.names = append(d.names, string(d.channel))
	return d.names[len(d.names)-1]
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

// pass returns an event with texts that is not cut. The added texts are those that the events
// before did not have.
func (d *decoder) pass(e event, meaning *upstream.Meaning, added []text) upstream.Event {
	for _, t := range added {
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
	decoded := upstream.Event{Event: typewriter.Event{Frame: frame, Text: t.raw}, Meaning: meaning}
	d.runs.Begin(decoded, whole)
	return decoded
}

// cut returns the frame of an event with a text, and the payload of the whole event.
func (d *decoder) cut(e event, t text, channel string) (*typewriter.Frame, typewriter.Payload) {
	var few [4]split.Span
	spans := append(append(few[:0], t.span), t.twins...)
	slices.SortFunc(spans, func(a, b split.Span) int { return a.Begin - b.Begin })
	d.cutter.Reset(e.data, spans[:min(len(spans), 2)]...) // more copies are not cut
	d.path = d.path[:0]
	d.edit(0)
	return d.cutter.Frame(typewriter.Frame{Name: e.name, Channel: channel, Kind: kinds[t.Kind]})
}

// edit assigns the members of an object or a list that contains the text to pieces, and those
// of the objects and lists within it. The path of the object or list is d.path.
func (d *decoder) edit(member int) {
	begin, end := d.tree.of(member)
	members := d.tree.members[begin:end]
	anchor := slices.IndexFunc(members, d.cutter.HasText)
	if anchor < 0 {
		return
	}
	isList, place := d.tree.members[member].Value.IsArray(), len(d.path)
	d.path = append(d.path, anyElement)
	d.cutter.Edit(members, func(m split.Member) split.Scope {
		if isList { // an element without the text keeps its place
			if m.Begin < members[anchor].Begin {
				return split.OnlyFirst
			}
			return split.OnlyLast
		}
		d.path[place] = m.Key
		return d.scope(m)
	})
	for i, m := range members {
		if d.cutter.HasText(m) {
			if d.path = d.path[:place+1]; !isList {
				d.path[place] = m.Key
			}
			d.edit(begin + i)
		}
	}
	d.path = d.path[:place]
}

// scope returns the pieces with a member of an object, whose path is d.path.
func (d *decoder) scope(m split.Member) split.Scope {
	isIt := func(f Field) bool { return slices.Equal(f.Path, d.path) }
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

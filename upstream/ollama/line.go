package ollama

import (
	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// line is the parsed data of an event. Its memory is reused for the next event.
type line struct {
	data             string
	members, message []split.Member
	texts            []text // none is empty
	cutter           split.Cutter

	// ambiguous reports whether clients may disagree about the texts, because a key may be
	// repeated.
	ambiguous bool
}

// text is a text of a line.
type text struct {
	channel string
	kind    typewriter.TextKind
	raw     string
	begin   int // the offset of raw
}

// read parses data, which is valid JSON.
func (l *line) read(data string) {
	l.data, l.texts = data, l.texts[:0]
	l.members = l.members[:0]
	if v := gjson.Parse(data); v.IsObject() {
		l.members = split.AppendMembers(l.members, v)
	}
	l.message = split.AppendMembers(l.message[:0], split.Find(l.members, "message"))
	l.ambiguous = split.MayRepeat(l.members) || split.MayRepeat(l.message)
	for _, m := range l.message {
		switch m.Key {
		case "content":
			l.add(m.Value, "content", typewriter.Answer)
		case "thinking":
			l.add(m.Value, "thinking", typewriter.Reasoning)
		}
	}
	for _, m := range l.members { // of a completion
		switch m.Key {
		case "response":
			l.add(m.Value, "response", typewriter.Answer)
		case "thinking":
			l.add(m.Value, "response thinking", typewriter.Reasoning)
		}
	}
}

func (l *line) add(v gjson.Result, channel string, kind typewriter.TextKind) {
	if raw := split.RawString(v); raw != "" {
		l.texts = append(l.texts, text{channel, kind, raw, v.Index + 1})
	}
}

// isSplittable reports whether the line has exactly one text.
func (l *line) isSplittable() bool { return len(l.texts) == 1 && !l.ambiguous }

// wholeTexts returns the texts of a line that is not split.
func (l *line) wholeTexts() []upstream.Text {
	var all []upstream.Text
	for _, t := range l.texts {
		all = append(all, upstream.Text{Kind: t.kind, Channel: t.channel, Text: t.raw})
	}
	return all
}

// frame returns the frame of a splittable line.
func (l *line) frame(name string) *typewriter.Frame {
	t := l.texts[0]
	l.cutter.Reset(l.data, split.Span{Begin: t.begin, End: t.begin + len(t.raw)})
	l.cutter.Edit(l.members, scopeInLine)
	l.cutter.Edit(l.message, scopeInMessage)
	frame, _ := l.cutter.Frame(typewriter.Frame{Name: name, Channel: t.channel, Kind: t.kind})
	return frame
}

// scopeInLine returns the scope of a field of a line: names and times are repeated, and the
// last piece has the end and the statistics.
func scopeInLine(m split.Member) split.Scope {
	switch {
	case m.Key == "done" && m.Value.Bool():
		return split.FalseUntilLast
	case m.Key == "done", split.IsEmpty(m.Value), m.Value.Type == gjson.String && m.Key != "done_reason":
		return split.EveryPiece
	default:
		return split.OnlyLast
	}
}

// scopeInMessage returns the scope of a field of a message.
func scopeInMessage(m split.Member) split.Scope {
	if split.IsEmpty(m.Value) || m.Value.Type == gjson.String {
		return split.EveryPiece
	}
	return split.OnlyLast // SDKs get a tool call each time it is repeated
}

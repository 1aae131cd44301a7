package gemini

import (
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// chunk is the parsed data of an event. Its memory is reused for the next event.
type chunk struct {
	data       string
	members    []split.Member
	candidates []split.Member

	// Members of the last candidate that was read.
	candidate, content, parts []split.Member

	texts []text // none is empty

	// hasCall reports whether a part is output other than text, such as a function call.
	hasCall bool

	// ambiguous reports whether clients may disagree about the texts, because a key may be
	// repeated.
	ambiguous bool

	cutter split.Cutter
}

// text is the text of a part.
type text struct {
	kind      typewriter.TextKind
	candidate int    // its place in the list
	index     string // of the candidate, as JSON
	raw       string // the inside of the JSON string
	begin     int    // the offset of raw
	part      split.Member
}

func (t text) end() int { return t.begin + len(t.raw) }

// read parses data, which is valid JSON.
func (c *chunk) read(data string) {
	c.data, c.texts, c.hasCall = data, c.texts[:0], false
	c.members = split.AppendMembers(c.members[:0], gjson.Parse(data))
	c.candidates = split.AppendMembers(c.candidates[:0], split.Find(c.members, "candidates"))
	c.ambiguous = split.MayRepeat(c.members)
	for i := range c.candidates {
		c.readCandidate(i)
	}
}

// readCandidate parses a candidate and adds its texts.
func (c *chunk) readCandidate(i int) {
	c.candidate = split.AppendMembers(c.candidate[:0], c.candidates[i].Value)
	c.content = split.AppendMembers(c.content[:0], split.Find(c.candidate, "content"))
	c.parts = split.AppendMembers(c.parts[:0], split.Find(c.content, "parts"))
	c.ambiguous = c.ambiguous || split.MayRepeat(c.candidate) || split.MayRepeat(c.content)
	index := split.Find(c.candidate, "index")
	if index.Type != gjson.Number {
		index.Raw = "0" // the service leaves out the index of a single candidate
	}
	for _, part := range c.parts {
		c.addText(text{candidate: i, index: index.Raw, part: part})
	}
}

// addText adds the text of a part of t, if there is one. A thought is reasoning.
func (c *chunk) addText(t text) {
	fields := 0
	t.part.Value.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "text":
			t.raw, t.begin = split.RawString(value), value.Index+1
			fields++
		case "thought":
			if value.Bool() {
				t.kind = typewriter.Reasoning
			}
		}
		return true
	})
	c.ambiguous = c.ambiguous || fields > 1
	c.hasCall = c.hasCall || fields == 0
	if t.raw != "" {
		c.texts = append(c.texts, t)
	}
}

// isSplittable reports whether the chunk has exactly one text.
func (c *chunk) isSplittable() bool { return len(c.texts) == 1 && !c.ambiguous }

// channel returns the channel of a text: its kind, and the index of the candidate.
func (t text) channel() string {
	name := "text "
	if t.kind == typewriter.Reasoning {
		name = "thought "
	}
	return name + t.index
}

// wholeTexts returns the texts of the chunk.
func (c *chunk) wholeTexts() []upstream.Text {
	var all []upstream.Text
	for _, t := range c.texts {
		all = append(all, upstream.Text{Kind: t.kind, Channel: t.channel(), Text: strings.Clone(t.raw)})
	}
	return all
}

// frame returns the frame of a splittable chunk, and the payload of the whole chunk. SDKs add
// the parts of all chunks to the answer, and the chunks to the history of a chat: each piece
// therefore has the role and a part of the text, and anything else is in a single piece.
func (c *chunk) frame(name string) (frame *typewriter.Frame, whole typewriter.Payload) {
	t := c.texts[0]
	if t.candidate != len(c.candidates)-1 {
		c.readCandidate(t.candidate) // another candidate was read after it
		c.texts = c.texts[:1]
	}
	c.cutter.Reset(c.data, split.Span{Begin: t.begin, End: t.end()})
	c.cutter.Edit(c.members, scopeInChunk)
	c.cutter.Edit(c.candidates, onlyLast)
	c.cutter.Edit(c.candidate, scopeIn("index"))
	c.cutter.Edit(c.content, scopeIn("role"))
	c.cutter.Edit(c.parts, func(m split.Member) split.Scope {
		if m.Begin < t.begin {
			return split.OnlyFirst // in its place before the text
		}
		return split.OnlyLast
	})
	c.cutter.Edit(split.AppendMembers(nil, t.part.Value), scopeIn("thought"))
	return c.cutter.Frame(typewriter.Frame{Name: name, Channel: t.channel(), Kind: t.kind})
}

// scopeInChunk returns the scope of a field of a chunk: the model, an id and the like are
// repeated. SDKs take the last usage.
func scopeInChunk(m split.Member) split.Scope {
	if m.Value.Type == gjson.JSON && !split.IsEmpty(m.Value) {
		return split.OnlyLast
	}
	return split.EveryPiece
}

// scopeIn returns a function for the scope of the fields of an object: all pieces have the
// field with a key.
func scopeIn(key string) func(split.Member) split.Scope {
	return func(m split.Member) split.Scope {
		if m.Key == key || split.IsEmpty(m.Value) {
			return split.EveryPiece
		}
		return split.OnlyLast
	}
}

func onlyLast(split.Member) split.Scope { return split.OnlyLast }

package openai

import (
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/split"
)

// chunk is the parsed data of an event. Its memory is reused for the next event.
type chunk struct {
	data    string
	members []split.Member
	choices []split.Member

	// Members of the last choice that was read.
	choice, delta, details []split.Member

	texts []text // none is empty

	// hasCall reports whether a choice has a piece of a tool call, or of other output
	// without text.
	hasCall bool

	// ambiguous reports whether clients may disagree about the texts, because a key may be
	// repeated.
	ambiguous bool

	cutter split.Cutter
	spans  []split.Span // of the texts to cut

	// nullUsage reports whether chunks without usage have the field usage.
	nullUsage bool

	// begun reports whether the stream had a chunk with a choice before.
	begun bool
}

// text is a text of a choice.
type text struct {
	kind   typewriter.TextKind
	choice int    // its index in the list
	field  string // its field in the choice
	raw    string
	begin  int // the offset of raw

	// inList reports whether the text is in a list. Texts in a list follow each other,
	// while equal texts of two fields are copies.
	inList bool
}

func (t text) end() int { return t.begin + len(t.raw) }

// read parses data, which is valid JSON.
func (c *chunk) read(data string) {
	c.begun = c.begun || len(c.choices) > 0
	c.data, c.ambiguous, c.hasCall, c.texts = data, false, false, c.texts[:0]
	c.members = split.AppendMembers(c.members[:0], gjson.Parse(data))
	c.choices = split.AppendMembers(c.choices[:0], split.Find(c.members, "choices"))
	c.ambiguous = split.MayRepeat(c.members)
	if usage := split.Find(c.members, "usage"); usage.Exists() && usage.Type == gjson.Null {
		c.nullUsage = true
	}
	for i := range c.choices {
		c.readChoice(i)
	}
}

// readChoice parses a choice and adds its texts.
func (c *chunk) readChoice(i int) {
	c.choice = split.AppendMembers(c.choice[:0], c.choices[i].Value)
	c.delta, c.details = split.AppendMembers(c.delta[:0], split.Find(c.choice, "delta")), c.details[:0]
	c.ambiguous = c.ambiguous || split.MayRepeat(c.choice) || split.MayRepeat(c.delta)
	for _, m := range c.delta {
		switch m.Key {
		case "content":
			c.addText(text{kind: typewriter.Answer, choice: i, field: m.Key}, m.Value)
			c.addParts(i, m.Value)
		case "reasoning_content", "reasoning": // the names differ by vendor
			c.addText(text{kind: typewriter.Reasoning, choice: i, field: m.Key}, m.Value)
		case "reasoning_details":
			c.details = split.AppendMembers(c.details, m.Value)
			c.addDetails(i)
		case "refusal":
			c.addText(text{kind: typewriter.Refusal, choice: i, field: m.Key}, m.Value)
		case "tool_calls", "function_call", "audio":
			c.hasCall = c.hasCall || m.Value.Type == gjson.JSON
		}
	}
	// The text of a legacy completion. Some vendors repeat the content of a delta there.
	c.addText(text{kind: typewriter.Answer, choice: i, field: "text"}, split.Find(c.choice, "text"))
}

func (c *chunk) addText(t text, v gjson.Result) {
	if t.raw = split.RawString(v); t.raw != "" {
		t.begin = v.Index + 1
		c.texts = append(c.texts, t)
	}
}

// addDetails adds the texts of reasoning details.
func (c *chunk) addDetails(choice int) {
	for _, m := range c.details {
		key := "text"
		if m.Value.Get("type").Str == "reasoning.summary" {
			key = "summary"
		}
		c.addText(text{kind: typewriter.Reasoning, choice: choice, field: "reasoning_details", inList: true}, m.Value.Get(key))
	}
}

// addParts adds the texts of a content that is a list of parts, as that of Mistral's
// reasoning models. A chunk with such a content is not split.
func (c *chunk) addParts(choice int, content gjson.Result) {
	if !content.IsArray() {
		return
	}
	c.ambiguous = true
	for _, part := range content.Array() {
		c.addText(text{kind: typewriter.Answer, choice: choice, field: "content", inList: true}, part.Get("text"))
		for _, thought := range part.Get("thinking").Array() {
			c.addText(text{kind: typewriter.Reasoning, choice: choice, field: "thinking", inList: true}, thought.Get("text"))
		}
	}
}

// isSplittable reports whether the chunk has exactly one text, possibly in several fields.
func (c *chunk) isSplittable() bool {
	if len(c.texts) == 0 || c.ambiguous {
		return false
	}
	first, listed := c.texts[0], 0
	for _, t := range c.texts {
		if t.kind != first.kind || t.choice != first.choice || t.raw != first.raw {
			return false
		}
		if t.inList {
			listed++
		}
	}
	return listed <= 1
}

// wholeTexts returns the texts of the chunk without copies.
func (c *chunk) wholeTexts() []upstream.Text {
	var all []upstream.Text
	var seen [typewriter.Refusal + 1]struct{ field, list bool } // in the choice
	index := ""                                                 // of the choice; an event may have very many texts
	for i, t := range c.texts {
		if i == 0 || t.choice != c.texts[i-1].choice {
			clear(seen[:])
			index = c.index(t.choice)
		}
		before := &seen[t.kind]
		isTwin := before.field || before.list && !t.inList
		before.field, before.list = before.field || !t.inList, before.list || t.inList
		if !isTwin {
			all = append(all, upstream.Text{Kind: t.kind, Channel: t.field + " " + index, Text: strings.Clone(t.raw)})
		}
	}
	return all
}

// channel returns the channel of a text and its copies: the fields and the index of the
// choice. Texts of different fields do not share a channel, because a grapheme cluster that
// spans two events is written in the fields of the second event.
func (c *chunk) channel(copies ...text) string {
	var fields []string
	for _, t := range copies {
		fields = append(fields, t.field)
	}
	return strings.Join(fields, "+") + " " + c.index(copies[0].choice)
}

// index returns the index of a choice as its field has it, given the index in the list.
func (c *chunk) index(choice int) string {
	if index := c.choices[choice].Value.Get("index"); index.Type == gjson.Number {
		return index.Raw
	}
	return "0"
}

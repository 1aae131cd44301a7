package openai

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
)

// piece is a set of pieces of a text.
type piece uint8

const (
	firstPiece piece = 1 << iota
	lastPiece
)

// edit replaces a part of a chunk in all pieces but one.
type edit struct {
	begin, end int
	with       string
	except     piece
}

// scope is the set of pieces with a member of a chunk.
type scope int

const (
	everyPiece scope = iota
	onlyFirst
	onlyLast
	nullUntilLast // null in all pieces but the last
)

// frame returns the frame of a splittable chunk. SDKs join the deltas of a stream: they
// concatenate strings and lists, and add numbers. Each piece therefore has a part of the
// text, and any other field of a delta is in a single piece.
func (c *chunk) frame(name string) *typewriter.Frame {
	t := c.texts[0]
	if t.choice != len(c.choices)-1 {
		texts := len(c.texts)
		c.readChoice(t.choice) // another choice was read after it
		c.texts = c.texts[:texts]
	}
	slices.SortFunc(c.texts, func(a, b text) int { return a.begin - b.begin })
	c.texts = c.texts[:min(len(c.texts), 2)] // more copies of the text are not cut
	c.edits = c.edits[:0]
	c.edit(c.members, c.scopeInChunk)
	c.edit(c.choices, scopeInList)
	c.edit(c.choice, scopeInChoice)
	c.edit(c.delta, scopeInDelta)
	c.edit(c.details, scopeInList)
	for _, m := range c.details {
		if c.hasText(m) {
			c.edit(appendMembers(nil, m.value), scopeInDelta)
		}
	}
	slices.SortFunc(c.edits, func(a, b edit) int { return a.begin - b.begin })

	middle := c.payload(0)
	f := &typewriter.Frame{
		Name: name, Head: middle.Head, Twin: middle.Twin, Tail: middle.Tail,
		Channel: c.channel(c.texts...), Kind: t.kind,
	}
	if len(c.edits) > 0 {
		f.Once = &typewriter.Once{Only: c.payload(firstPiece | lastPiece)}
		if c.hasEdits(firstPiece) {
			f.Once.First = c.payload(firstPiece)
		}
		if c.hasEdits(lastPiece) {
			f.Once.Last = c.payload(lastPiece)
		}
	}
	return f
}

// edit adds the edits of the members of an object or a list that contains a text.
func (c *chunk) edit(members []member, scopeOf func(member) scope) {
	anchor := slices.IndexFunc(members, c.hasText)
	if anchor < 0 {
		return
	}
	for i, m := range members {
		if c.hasText(m) {
			continue
		}
		e := edit{except: lastPiece}
		switch scopeOf(m) {
		case everyPiece:
			continue
		case nullUntilLast:
			e.begin, e.end, e.with = m.value.Index, m.end(), "null"
			c.edits = append(c.edits, e)
			continue
		case onlyFirst:
			e.except = firstPiece
		}
		if i < anchor {
			e.begin, e.end = m.begin, members[i+1].begin
		} else {
			e.begin, e.end = members[i-1].end(), m.end()
		}
		c.edits = append(c.edits, e)
	}
}

// hasText reports whether a member contains the text.
func (c *chunk) hasText(m member) bool {
	return slices.ContainsFunc(c.texts, func(t text) bool { return m.begin <= t.begin && t.begin < m.end() })
}

func (c *chunk) hasEdits(except piece) bool {
	return slices.ContainsFunc(c.edits, func(e edit) bool { return e.except == except })
}

// payload returns the payload around the text of a piece in a set.
func (c *chunk) payload(in piece) typewriter.Payload {
	if first := c.texts[0]; len(c.texts) == 1 {
		return typewriter.Payload{Head: c.section(0, first.begin, in), Tail: c.section(first.end(), len(c.data), in)}
	}
	a, b := c.texts[0], c.texts[1]
	return typewriter.Payload{
		Head: c.section(0, a.begin, in),
		Twin: c.section(a.end(), b.begin, in),
		Tail: c.section(b.end(), len(c.data), in),
	}
}

// section returns a part of the data of a piece in a set.
func (c *chunk) section(begin, end int, in piece) string {
	var edited strings.Builder
	for _, e := range c.edits {
		if e.begin < begin || e.end > end || in&e.except != 0 {
			continue
		}
		edited.WriteString(c.data[begin:e.begin])
		edited.WriteString(e.with)
		begin = e.end
	}
	if edited.Len() == 0 {
		return c.data[begin:end]
	}
	edited.WriteString(c.data[begin:end])
	return edited.String()
}

// scopeInChunk returns the scope of a field of a chunk: ids, times and names are repeated.
func (c *chunk) scopeInChunk(m member) scope {
	switch {
	case isEmpty(m.value) || m.value.Type != gjson.JSON:
		return everyPiece
	case m.key == "usage" && c.nullUsage:
		return nullUntilLast
	case m.key != "usage" && !c.begun:
		return onlyFirst // SDKs read Perplexity's citations in the first chunk
	default:
		return onlyLast // citations, statistics and the like
	}
}

// scopeInChoice returns the scope of a field of a choice.
func scopeInChoice(m member) scope {
	switch {
	case isEmpty(m.value), m.key == "content_filter_results":
		return everyPiece
	case m.key == "logprobs", m.key == "stop_reason", strings.HasSuffix(m.key, "finish_reason"):
		return nullUntilLast
	case m.value.Type == gjson.JSON, m.key == "text":
		return onlyLast
	default:
		return everyPiece
	}
}

// scopeInDelta returns the scope of a field of a delta, or of an element of a list in a
// delta. SDKs overwrite an index and a type, and join any other field.
func scopeInDelta(m member) scope {
	switch {
	case isEmpty(m.value), m.key == "index", m.key == "type":
		return everyPiece
	case m.key == "role":
		return onlyFirst
	default:
		return onlyLast
	}
}

// scopeInList returns the scope of an element of a list without the text.
func scopeInList(member) scope { return onlyLast }

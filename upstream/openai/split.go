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

// fate is what becomes of a member when its chunk is split.
type fate int

const (
	repeat fate = iota // each piece has it
	first              // only the first piece has it
	last               // only the last piece has it
	null               // only the last piece has it; it is null in the others
)

// frame returns the frame of a chunk that is splittable. SDKs join the deltas of a stream:
// they concatenate strings and lists, and add numbers. Each piece therefore has its part of
// the text, and other fields of a delta are in one piece.
func (c *chunk) frame(name string) *typewriter.Frame {
	t := c.texts[0]
	if t.choice != len(c.choices)-1 {
		texts := len(c.texts)
		c.readChoice(t.choice) // it was not the last one to be read
		c.texts = c.texts[:texts]
	}
	slices.SortFunc(c.texts, func(a, b text) int { return a.begin - b.begin })
	c.texts = c.texts[:min(len(c.texts), 2)] // more copies of the text are not cut
	c.edits = c.edits[:0]
	c.edit(c.members, c.fateInChunk)
	c.edit(c.choices, fateInList)
	c.edit(c.choice, fateInChoice)
	c.edit(c.delta, fateInDelta)
	c.edit(c.details, fateInList)
	for _, m := range c.details {
		if c.hasText(m) {
			c.edit(appendMembers(nil, m.value), fateInDelta)
		}
	}
	slices.SortFunc(c.edits, func(a, b edit) int { return a.begin - b.begin })

	middle := c.payload(0)
	f := &typewriter.Frame{
		Name: name, Head: middle.Head, Twin: middle.Twin, Tail: middle.Tail,
		Channel: c.channel(t), Kind: t.kind,
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
func (c *chunk) edit(members []member, fateOf func(member) fate) {
	anchor := slices.IndexFunc(members, c.hasText)
	if anchor < 0 {
		return
	}
	for i, m := range members {
		if c.hasText(m) {
			continue
		}
		e := edit{except: lastPiece}
		switch fateOf(m) {
		case repeat:
			continue
		case null:
			e.begin, e.end, e.with = m.value.Index, m.end(), "null"
			c.edits = append(c.edits, e)
			continue
		case first:
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

// hasText reports whether a text that is cut is within a member.
func (c *chunk) hasText(m member) bool {
	return slices.ContainsFunc(c.texts, func(t text) bool { return m.begin <= t.begin && t.begin < m.end() })
}

func (c *chunk) hasEdits(except piece) bool {
	return slices.ContainsFunc(c.edits, func(e edit) bool { return e.except == except })
}

// payload returns what surrounds the text in one of the pieces in a set.
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

// section returns a part of the data in one of the pieces in a set.
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

// fateInChunk returns the fate of a field of a chunk: ids, times and names are repeated.
func (c *chunk) fateInChunk(m member) fate {
	switch {
	case isEmpty(m.value) || m.value.Type != gjson.JSON:
		return repeat
	case m.key == "usage" && c.nullUsage:
		return null
	default:
		return last // citations, statistics and the like
	}
}

// fateInChoice returns the fate of a field of a choice.
func fateInChoice(m member) fate {
	switch {
	case isEmpty(m.value), m.key == "content_filter_results":
		return repeat
	case m.key == "logprobs", m.key == "stop_reason", strings.HasSuffix(m.key, "finish_reason"):
		return null
	case m.value.Type == gjson.JSON, m.key == "text":
		return last
	default:
		return repeat
	}
}

// fateInDelta returns the fate of a field of a delta, or of an element of a list in it. An
// index and a type are overwritten by SDKs; anything else that they do not know is joined.
func fateInDelta(m member) fate {
	switch {
	case isEmpty(m.value), m.key == "index", m.key == "type":
		return repeat
	case m.key == "role":
		return first
	default:
		return last
	}
}

// fateInList returns the fate of an element of a list without the text.
func fateInList(member) fate { return last }

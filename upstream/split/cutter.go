package split

import (
	"slices"
	"strings"

	"sse-typewriter/typewriter"
)

// piece is a set of pieces of a text.
type piece uint8

const (
	firstPiece piece = 1 << iota
	lastPiece
)

// Scope is the set of pieces with a member of an event.
type Scope int

// The scopes of a member.
const (
	EveryPiece Scope = iota
	OnlyFirst
	OnlyLast
	NullUntilLast  // null in all pieces but the last
	FalseUntilLast // false in all pieces but the last
	EmptyUntilLast // [] in all pieces but the last
)

// Span is the range of a text in the data of an event.
type Span struct{ Begin, End int }

// Cutter cuts an event with a text into pieces: each piece has a part of the text, and the
// members of the event that the scopes assign to the piece. The memory of a Cutter is reused
// for the next event. Call Reset, then Edit for each object and list that contains the text,
// then Frame.
type Cutter struct {
	data   string
	texts  []Span
	number Span // empty: none
	edits  []edit
}

// edit replaces a part of the data in all pieces but one.
type edit struct {
	begin, end int
	with       string
	except     piece
}

// Reset begins with an event that has a text in one place, or the same text in two places.
// The data must be valid JSON.
func (c *Cutter) Reset(data string, texts ...Span) {
	c.data, c.edits, c.number = data, c.edits[:0], Span{}
	c.texts = append(c.texts[:0], texts...)
}

// Number makes a number of the event, such as digits in a string, one that each piece counts:
// the digits are not in the payloads, which have a Number instead. The event must have its
// text in one place.
func (c *Cutter) Number(digits Span) {
	c.number = digits
	c.edits = append(c.edits, edit{begin: digits.Begin, end: digits.End})
}

// Edit assigns the members of an object or a list that contains the text to pieces. The
// member with the text is in each piece.
func (c *Cutter) Edit(members []Member, scopeOf func(Member) Scope) {
	anchor := slices.IndexFunc(members, c.HasText)
	if anchor < 0 {
		return
	}
	for i, m := range members {
		if c.HasText(m) {
			continue
		}
		e := edit{except: lastPiece}
		switch scopeOf(m) {
		case EveryPiece:
			continue
		case NullUntilLast:
			c.Replace(m, "null")
			continue
		case FalseUntilLast:
			c.Replace(m, "false")
			continue
		case EmptyUntilLast:
			c.Replace(m, "[]")
			continue
		case OnlyFirst:
			e.except = firstPiece
		}
		if i < anchor {
			e.begin, e.end = m.Begin, members[i+1].Begin
		} else {
			e.begin, e.end = members[i-1].End(), m.End()
		}
		c.edits = append(c.edits, e)
	}
}

// Replace replaces the value of a member outside of the text in all pieces but the last.
func (c *Cutter) Replace(m Member, with string) {
	c.edits = append(c.edits, edit{begin: m.Value.Index, end: m.End(), with: with, except: lastPiece})
}

// HasText reports whether a member contains the text.
func (c *Cutter) HasText(m Member) bool {
	return slices.ContainsFunc(c.texts, func(t Span) bool { return m.Begin <= t.Begin && t.Begin < m.End() })
}

// Frame returns the frame of the event, and the payload of the event in one piece. as has
// the name, the channel and the kind of the frame.
func (c *Cutter) Frame(as typewriter.Frame) (frame *typewriter.Frame, whole typewriter.Payload) {
	slices.SortFunc(c.edits, func(a, b edit) int { return a.begin - b.begin })
	middle := c.payload(0)
	whole = middle
	as.Head, as.Twin, as.Tail, as.Number = middle.Head, middle.Twin, middle.Tail, middle.Number
	if c.hasEdits(firstPiece) || c.hasEdits(lastPiece) {
		whole = c.payload(firstPiece | lastPiece)
		as.Once = &typewriter.Once{Only: whole}
		if c.hasEdits(firstPiece) {
			as.Once.First = c.payload(firstPiece)
		}
		if c.hasEdits(lastPiece) {
			as.Once.Last = c.payload(lastPiece)
		}
	}
	return &as, whole
}

func (c *Cutter) hasEdits(except piece) bool {
	return slices.ContainsFunc(c.edits, func(e edit) bool { return e.except == except })
}

// payload returns the payload around the text of a piece in a set.
func (c *Cutter) payload(in piece) typewriter.Payload {
	first := c.texts[0]
	if len(c.texts) == 1 {
		return typewriter.Payload{Head: c.section(0, first.Begin, in), Tail: c.section(first.End, len(c.data), in), Number: c.numberIn(in)}
	}
	second := c.texts[1]
	return typewriter.Payload{
		Head: c.section(0, first.Begin, in),
		Twin: c.section(first.End, second.Begin, in),
		Tail: c.section(second.End, len(c.data), in),
	}
}

// numberIn returns the offset of the number in the payload of a piece in a set, or 0.
func (c *Cutter) numberIn(in piece) int {
	text := c.texts[0]
	switch n := c.number; {
	case n == Span{}:
		return 0
	case n.Begin < text.Begin:
		return len(c.section(0, n.Begin, in))
	default:
		return len(c.section(0, text.Begin, in)) + len(c.section(text.End, n.Begin, in))
	}
}

// section returns a part of the data of a piece in a set.
func (c *Cutter) section(begin, end int, in piece) string {
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

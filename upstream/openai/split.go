package openai

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream/split"
)

// frame returns the frame of a splittable chunk, and the payload of the whole chunk. SDKs
// join the deltas of a stream: they concatenate strings and lists, and add numbers. Each
// piece therefore has a part of the text, and any other field of a delta is in a single
// piece.
func (c *chunk) frame(name string) (frame *typewriter.Frame, whole typewriter.Payload) {
	t := c.texts[0]
	if t.choice != len(c.choices)-1 {
		texts := len(c.texts)
		c.readChoice(t.choice) // another choice was read after it
		c.texts = c.texts[:texts]
	}
	slices.SortFunc(c.texts, func(a, b text) int { return a.begin - b.begin })
	c.texts = c.texts[:min(len(c.texts), 2)] // more copies of the text are not cut
	c.spans = c.spans[:0]
	for _, t := range c.texts {
		c.spans = append(c.spans, split.Span{Begin: t.begin, End: t.end()})
	}
	c.cutter.Reset(c.data, c.spans...)
	c.cutter.Edit(c.members, c.scopeInChunk)
	c.cutter.Edit(c.choices, scopeInList)
	c.cutter.Edit(c.choice, scopeInChoice)
	c.cutter.Edit(c.delta, scopeInDelta)
	c.cutter.Edit(c.details, scopeInList)
	for _, m := range c.details {
		if c.cutter.HasText(m) {
			c.cutter.Edit(split.AppendMembers(nil, m.Value), scopeInDelta)
		}
	}
	return c.cutter.Frame(typewriter.Frame{Name: name, Channel: c.channel(c.texts...), Kind: t.kind})
}

// scopeInChunk returns the scope of a field of a chunk: ids, times and names are repeated.
func (c *chunk) scopeInChunk(m split.Member) split.Scope {
	switch {
	case split.IsEmpty(m.Value) || m.Value.Type != gjson.JSON:
		return split.EveryPiece
	case m.Key == "usage" && c.nullUsage:
		return split.NullUntilLast
	case m.Key != "usage" && !c.begun:
		return split.OnlyFirst // SDKs read Perplexity's citations in the first chunk
	default:
		return split.OnlyLast // citations, statistics and the like
	}
}

// scopeInChoice returns the scope of a field of a choice.
func scopeInChoice(m split.Member) split.Scope {
	switch {
	case split.IsEmpty(m.Value), m.Key == "content_filter_results":
		return split.EveryPiece
	case m.Key == "logprobs", m.Key == "stop_reason", strings.HasSuffix(m.Key, "finish_reason"):
		return split.NullUntilLast
	case m.Value.Type == gjson.JSON, m.Key == "text":
		return split.OnlyLast
	default:
		return split.EveryPiece
	}
}

// scopeInDelta returns the scope of a field of a delta, or of an element of a list in a
// delta. SDKs overwrite an index and a type, and join any other field.
func scopeInDelta(m split.Member) split.Scope {
	switch {
	case split.IsEmpty(m.Value), m.Key == "index", m.Key == "type":
		return split.EveryPiece
	case m.Key == "role":
		return split.OnlyFirst
	default:
		return split.OnlyLast
	}
}

// scopeInList returns the scope of an element of a list without the text.
func scopeInList(split.Member) split.Scope { return split.OnlyLast }

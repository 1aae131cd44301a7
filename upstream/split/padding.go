package split

import (
	"strings"

	"sse-typewriter/typewriter"
)

// padding is the part of the tails of a run with which a service hides the length of texts:
// random letters in a field, or spaces before the last brace.
type padding struct {
	head, tail string // of a tail, before and after the padding; an empty tail: no padding

	// isSpace reports whether the padding consists of spaces. Their number varies little,
	// so frames has the frame of each number.
	isSpace bool
	frames  []*typewriter.Frame // nil without spaces
}

// maxSpaces bounds the remembered frames. Anthropic adds up to 15 spaces.
const maxSpaces = 24

// paddingKey begins the field of OpenAI that hides the length of the text.
const paddingKey = `"obfuscation":"`

// findPadding returns the padding in the tail of an event.
func findPadding(tail string) padding {
	if i := strings.Index(tail, paddingKey); i >= 0 {
		begin := i + len(paddingKey)
		end := begin + strings.IndexByte(tail[begin:], '"')
		if isAlphanumeric(tail[begin:end]) {
			return padding{head: tail[:begin], tail: tail[end:]}
		}
	}
	const brace = "}"
	if spaced, ok := strings.CutSuffix(tail, brace); ok && strings.HasSuffix(spaced, " ") {
		return padding{head: strings.TrimRight(spaced, " "), tail: brace, isSpace: true, frames: make([]*typewriter.Frame, maxSpaces)}
	}
	return padding{}
}

// isAlphanumeric reports whether s has only letters and digits.
func isAlphanumeric(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// matches reports whether a tail differs only in the padding.
func (p *padding) matches(tail string) bool {
	n := len(tail) - len(p.tail)
	if n < len(p.head) || tail[:len(p.head)] != p.head || tail[n:] != p.tail {
		return false
	}
	between := tail[len(p.head):n]
	if p.isSpace {
		return strings.Trim(between, " ") == ""
	}
	return isAlphanumeric(between)
}

// frame returns the frame of an event with another padding, given the frame of the last
// event.
func (p *padding) frame(last *typewriter.Frame, tail string) *typewriter.Frame {
	spaces := func(tail string) int { return len(tail) - len(p.head) - len(p.tail) }
	if n := spaces(last.Tail); n < len(p.frames) {
		p.frames[n] = last
	}
	if n := spaces(tail); n < len(p.frames) && p.frames[n] != nil {
		return p.frames[n]
	}
	padded := *last
	padded.Tail = tail
	return &padded
}

package typewriter

import (
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// cluster is one extended grapheme cluster (UAX #29) at the beginning of a text.
type cluster struct {
	// size is how many bytes it takes in the text, escapes included.
	size int

	// char is its character when it has but one ('\n' also for CRLF), else -1.
	char rune
}

// splitter cuts the insides of JSON strings into grapheme clusters. It keeps a
// buffer between calls; the zero value is ready.
type splitter struct {
	buf []byte // the unescaped beginning of the text, of a whole cluster or more
}

// first returns the cluster that text begins with, taking text to be complete.
// The text must not be empty.
func (s *splitter) first(text string) cluster {
	r, size := scanRune(text)
	if isPlain(r) && startsPlain(text[size:]) {
		return cluster{size: size, char: r}
	}
	return s.search(text)
}

// search is first for what the short way cannot tell. It unescapes no more of
// the text than it must, so that a long text is not read again for each cluster.
func (s *splitter) search(text string) cluster {
	const fewRunes = 8
	s.buf = s.buf[:0]
	rest := text
	for runes := fewRunes; ; runes *= 2 {
		for i := 0; i < runes && rest != ""; i++ {
			r, size := scanRune(rest)
			s.buf = utf8.AppendRune(s.buf, r)
			rest = rest[size:]
		}
		if rest == "" || clusterLen(s.buf) < len(s.buf) {
			break
		}
	}
	s.buf = s.buf[:clusterLen(s.buf)]

	c := cluster{char: -1}
	for unescaped := 0; unescaped < len(s.buf); {
		r, size := scanRune(text[c.size:])
		c.size += size
		unescaped += utf8.RuneLen(r)
	}
	if r, n := utf8.DecodeRune(s.buf); n == len(s.buf) {
		c.char = r
	} else if string(s.buf) == "\r\n" {
		c.char = '\n'
	}
	return c
}

// growths are what turns a cluster into a longer one. A cluster that any of them
// continues may still grow: after a carriage return a line feed, after one regional
// indicator a second (a prepended mark takes that too), after an emoji a joiner and
// an emoji, after a joiner that emoji, after conjoining jamo more of them, after a
// conjunct's linker a consonant.
var growths = [...]string{"\n", "\U0001F1E6", "\u200D\u2764", "\u2764", "\u1161", "\u11A8", "\u0915"}

// mayGrow reports whether the cluster that is all of text, one that first
// returned, is of a kind that waits for more. Any cluster can take on a
// combining mark; that is no reason to wait.
func (s *splitter) mayGrow(text string) bool {
	if r, size := scanRune(text); size == len(text) && isPlain(r) {
		return false
	}
	if endsWithHighSurrogate(text) {
		return true
	}
	s.search(text)
	n := len(s.buf)
	for _, growth := range growths {
		s.buf = append(s.buf[:n], growth...)
		if clusterLen(s.buf) == len(s.buf) {
			return true
		}
	}
	return false
}

func clusterLen(b []byte) int {
	it := graphemes.FromBytes(b)
	it.Next()
	return it.End()
}

// startsPlain reports whether text is empty or starts with a plain character.
func startsPlain(text string) bool {
	if text == "" {
		return true
	}
	r, _ := scanRune(text)
	return isPlain(r)
}

// isPlain reports whether r is of the everyday characters between two of which
// there is always a boundary (Unicode 17, GraphemeBreakProperty.txt and
// emoji-data.txt), and which are not held for a growth of their own: ASCII but
// for the carriage return, Latin, Greek, Cyrillic, kana, Hangul syllables,
// ideographs, their punctuation and full-width forms.
func isPlain(r rune) bool {
	switch {
	case r < 0x7F:
		return r >= ' ' || r == '\n' || r == '\t'
	case r < 0x3001:
		return r >= 0xC0 && r <= 0x2FF || r >= 0x370 && r <= 0x482 || r >= 0x2018 && r <= 0x2026
	case r <= 0x9FFF:
		return r >= 0x3400 && r <= 0x4DBF || r >= 0x4E00 ||
			r <= 0x3020 || r >= 0x3041 && r <= 0x3096 || r >= 0x30A1 && r <= 0x30FE
	default:
		return r >= 0xAC00 && r <= 0xD7A3 || r >= 0xFF01 && r <= 0xFF9D
	}
}

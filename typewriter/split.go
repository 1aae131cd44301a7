package typewriter

import (
	"unicode/utf8"

	"sse-typewriter/internal/jsontext"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// cluster is an extended grapheme cluster (UAX #29) at the beginning of a text.
type cluster struct {
	// size is the encoded size in bytes, including escapes.
	size int

	// char is the character of a cluster of a single character, '\n' for CRLF, and
	// unknown for any other cluster.
	char rune
}

// splitter finds the grapheme clusters of the insides of JSON strings. The zero value is
// ready to use. A buffer is kept between calls.
type splitter struct {
	buf []byte // the decoded beginning of the text, at least one cluster
}

// first returns the first cluster of a complete and non-empty text.
func (s *splitter) first(text string) cluster {
	r, size := jsontext.ScanRune(text)
	if isPlain(r) && startsPlain(text[size:]) {
		return cluster{size: size, char: r}
	}
	return s.search(text)
}

// search is the general case of first. For linear cost in long texts, search decodes no
// more of the text than necessary.
func (s *splitter) search(text string) cluster {
	const fewRunes = 8
	s.buf = s.buf[:0]
	rest := text
	for runes := fewRunes; ; runes *= 2 {
		for i := 0; i < runes && rest != ""; i++ {
			r, size := jsontext.ScanRune(rest)
			s.buf = utf8.AppendRune(s.buf, r)
			rest = rest[size:]
		}
		if rest == "" || clusterLen(s.buf) < len(s.buf) {
			break
		}
	}
	s.buf = s.buf[:clusterLen(s.buf)]

	c := cluster{char: unknown}
	for unescaped := 0; unescaped < len(s.buf); {
		r, size := jsontext.ScanRune(text[c.size:])
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

// growths are samples of texts to lengthen clusters: a line feed after a carriage
// return, a second regional indicator after the first or after a prepended mark, a joiner
// and an emoji after an emoji, an emoji after a joiner, a vowel or trailing consonant
// after conjoining jamo, a consonant after the linker of a conjunct.
var growths = [...]string{"\n", "\U0001F1E6", "\u200D\u2764", "\u2764", "\u1161", "\u11A8", "\u0915"}

// mayGrow reports whether a single cluster of the given text should wait for more text to
// lengthen the cluster. Combining marks can follow any cluster and are not waited for.
func (s *splitter) mayGrow(text string) bool {
	if r, size := jsontext.ScanRune(text); size == len(text) && isPlain(r) {
		return false
	}
	if jsontext.EndsWithHighSurrogate(text) {
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

// clusterLen returns the length of the first cluster of b.
func clusterLen(b []byte) int {
	it := graphemes.FromBytes(b)
	it.Next()
	return it.End()
}

// startsPlain reports whether text is empty or begins with a plain character.
func startsPlain(text string) bool {
	if text == "" {
		return true
	}
	r, _ := jsontext.ScanRune(text)
	return isPlain(r)
}

// isPlain reports whether r is a plain character: between two plain characters there is
// always a boundary (Unicode 17, GraphemeBreakProperty.txt and emoji-data.txt), and
// [splitter.mayGrow] holds none of them. Plain are ASCII except the carriage return, Latin,
// Greek, Cyrillic, kana, Hangul syllables, ideographs, their punctuation and full-width
// forms.
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

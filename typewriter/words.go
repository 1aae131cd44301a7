package typewriter

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"sse-typewriter/internal/jsontext"

	uax29 "github.com/clipperhouse/uax29/v2/words"
)

// wordSplitter decides which grapheme clusters of a text belong to the word before.
type wordSplitter struct {
	markdown bool // marks of Markdown are words of their own

	rest  string // the text after the last cluster
	runes int    // the number of runes before rest
	ends  []int  // the ends of the words, in runes from the beginning
	next  int    // the index of the first end not before rest
	buf   []byte // the decoded text

	// The size of the current unit and of the last cluster in bytes, and the last character.
	size, lastSize int
	last           rune
}

// maxWord is the length in bytes from which a unit is not lengthened by further clusters.
const maxWord = 64

// closing are the marks that belong to the word before them.
const closing = ",.;:!?)]}%”’»…。，、！？；：）】》」』"

// reset begins a text, the inside of a JSON string.
func (w *wordSplitter) reset(text string) {
	*w = wordSplitter{markdown: w.markdown, rest: text, ends: w.ends[:0], buf: w.buf[:0], last: unknown}
	for rest := text; rest != ""; {
		r, size := jsontext.ScanRune(rest)
		w.buf = utf8.AppendRune(w.buf, r)
		rest = rest[size:]
	}
	n := 0
	for it := uax29.FromBytes(w.buf); it.Next(); {
		n += utf8.RuneCount(it.Value())
		w.ends = append(w.ends, n)
	}
}

// joins reports whether the next cluster of the text belongs to the unit of the cluster
// before.
func (w *wordSplitter) joins(c cluster) bool {
	for w.next < len(w.ends) && w.ends[w.next] < w.runes {
		w.next++
	}
	boundary := w.next < len(w.ends) && w.ends[w.next] == w.runes
	first, _ := jsontext.ScanRune(w.rest)
	joins := w.size > 0 && w.size < maxWord && (!boundary || w.follows(first))
	for n := 0; n < c.size; w.runes++ {
		var size int
		w.last, size = jsontext.ScanRune(w.rest)
		w.rest = w.rest[size:]
		n += size
	}
	if !joins {
		w.size = 0
	}
	w.size += c.size
	w.lastSize = c.size
	return joins
}

// follows reports whether a character that begins a word belongs to the unit before all the
// same: a space or a closing mark.
func (w *wordSplitter) follows(first rune) bool {
	if w.markdown && (strings.ContainsRune(")]}!;", first) || strings.ContainsRune("*_~`[]()|$#&!\\", w.last)) {
		return false
	}
	return first == ' ' || strings.ContainsRune(closing, first)
}

// mayGrow reports whether the last word of the text may be incomplete: it ends with a letter
// or a digit of a script with words of several letters.
func (w *wordSplitter) mayGrow() bool {
	return w.size < maxWord && (unicode.IsLetter(w.last) || unicode.IsDigit(w.last)) &&
		!unicode.In(w.last, unicode.Han, unicode.Hiragana)
}

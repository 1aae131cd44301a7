package typewriter

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanRune decodes the first character of the inside of a JSON string and returns the
// encoded size in bytes. Half a surrogate pair decodes to U+FFFD, invalid UTF-8 and invalid
// escapes decode to U+FFFD with a size of 1.
func scanRune(s string) (r rune, size int) {
	if s[0] != '\\' {
		return utf8.DecodeRuneInString(s)
	}
	if len(s) < 2 {
		return utf8.RuneError, 1
	}
	switch s[1] {
	case 'u':
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case '"', '\\', '/':
		return rune(s[1]), 2
	default:
		return utf8.RuneError, 1
	}
	unit, ok := scanUnit(s)
	switch {
	case !ok:
		return utf8.RuneError, 1
	case !utf16.IsSurrogate(unit):
		return unit, unitSize
	}
	if low, ok := scanUnit(s[unitSize:]); ok {
		if r := utf16.DecodeRune(unit, low); r != utf8.RuneError {
			return r, 2 * unitSize
		}
	}
	return utf8.RuneError, unitSize
}

// unitSize is the length of a \uXXXX escape.
const unitSize = 6

// scanUnit decodes the \uXXXX escape at the beginning of s.
func scanUnit(s string) (rune, bool) {
	if len(s) < unitSize || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:unitSize], 16, 16)
	return rune(n), err == nil
}

// endsWithHighSurrogate reports whether s, a sequence of whole characters, ends with the
// first half of a surrogate pair.
func endsWithHighSurrogate(s string) bool {
	if len(s) < unitSize {
		return false
	}
	unit, ok := scanUnit(s[len(s)-unitSize:])
	return ok && unit >= 0xD800 && unit < 0xDC00 && !oddBackslashes(s[:len(s)-unitSize])
}

// oddBackslashes reports whether s ends with the first backslash of an escape.
func oddBackslashes(s string) bool {
	n := 0
	for n < len(s) && s[len(s)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

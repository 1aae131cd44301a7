// Package jsontext reads and writes the insides of JSON strings: the bytes between the
// quotes, escapes included. Nothing fails: invalid UTF-8 and unknown escapes are data like
// any other.
package jsontext

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unitSize is the length of a \uXXXX escape.
const unitSize = len(`\u0000`)

// ScanRune decodes the first character of a non-empty s, and returns the character and the
// size in s. A surrogate pair of two escapes is a single character. Unpaired surrogates,
// invalid UTF-8 and malformed escapes decode to U+FFFD; the latter two have size 1.
func ScanRune(s string) (r rune, size int) {
	if s[0] != '\\' {
		return utf8.DecodeRuneInString(s)
	}
	r, size = scanEscape(s)
	switch {
	case r < 0:
		return utf8.RuneError, 1
	case !utf16.IsSurrogate(r):
		return r, size
	}
	if low, ok := scanUnit(s[size:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 2 * unitSize
		}
	}
	return utf8.RuneError, size
}

// EndsWithHighSurrogate reports whether s ends with the escape of the first half of a
// surrogate pair. s must not end within an escape.
func EndsWithHighSurrogate(s string) bool {
	if len(s) < unitSize {
		return false
	}
	unit, ok := scanUnit(s[len(s)-unitSize:])
	return ok && isHighSurrogate(unit) && !endsWithOddBackslashes(s[:len(s)-unitSize])
}

// SurrogateSize is the length of the escape of an unpaired surrogate.
const SurrogateSize = unitSize

// scanEscape decodes the escape at the beginning of s, which begins with a backslash. r may
// be a surrogate, and is -1 for a malformed escape.
func scanEscape(s string) (r rune, size int) {
	if len(s) < 2 {
		return -1, 1
	}
	switch s[1] {
	case 'u':
		if unit, ok := scanUnit(s); ok {
			return unit, unitSize
		}
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
	}
	return -1, 1
}

// scanUnit decodes a \uXXXX escape at the beginning of s.
func scanUnit(s string) (unit rune, ok bool) {
	if len(s) < unitSize || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:unitSize], 16, 16)
	return rune(n), err == nil
}

func isHighSurrogate(r rune) bool { return r >= 0xD800 && r < 0xDC00 }

// endsWithOddBackslashes reports whether a backslash at the end of s begins an escape.
func endsWithOddBackslashes(s string) bool {
	n := 0
	for n < len(s) && s[len(s)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// Unescape appends the decoded form of s to dst. Malformed escapes and invalid UTF-8 are
// appended unchanged. An unpaired surrogate becomes three bytes in the manner of UTF-8
// (WTF-8), to keep different texts different.
//
// The halves of a surrogate pair may be in consecutive texts. Unescape returns a high
// surrogate at the end of s instead of appending the surrogate; the caller passes the
// surrogate with the next text. 0 means no surrogate. AppendSurrogate ends the last text.
func Unescape(dst []byte, s string, high rune) ([]byte, rune) {
	for s != "" {
		r, size := rune(-1), strings.IndexByte(s, '\\')
		switch {
		case size == 0:
			r, size = scanEscape(s)
		case size < 0:
			size = len(s)
		}
		if pair := utf16.DecodeRune(high, r); pair != utf8.RuneError {
			dst, high, s = utf8.AppendRune(dst, pair), 0, s[size:]
			continue
		}
		dst, high = AppendSurrogate(dst, high), 0
		switch {
		case r < 0:
			dst = append(dst, s[:size]...)
		case isHighSurrogate(r):
			high = r
		case utf16.IsSurrogate(r):
			dst = AppendSurrogate(dst, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
		s = s[size:]
	}
	return dst, high
}

// AppendSurrogate appends an unpaired surrogate in the form of Unescape; 0 appends nothing.
func AppendSurrogate(dst []byte, r rune) []byte {
	if r == 0 {
		return dst
	}
	return append(dst, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
}

// surrogateBytes is the size of a surrogate from AppendSurrogate.
const surrogateBytes = 3

// ScanSurrogate decodes an unpaired surrogate at the beginning of decoded text. The size is
// 0 if the text begins otherwise.
func ScanSurrogate(s []byte) (r rune, size int) {
	if len(s) < surrogateBytes || s[0] != 0xED || s[1] < 0xA0 || s[1] > 0xBF || s[2] < 0x80 || s[2] > 0xBF {
		return 0, 0
	}
	return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), surrogateBytes
}

// Escape encodes decoded text. Escapes replace only quotes, backslashes, control characters,
// unpaired surrogates, and the line separators U+0085, U+2028 and U+2029 of Python's
// str.splitlines.
func Escape(text []byte) string {
	out := make([]byte, 0, len(text)+len(text)/16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		half, halfSize := ScanSurrogate(text)
		switch {
		case halfSize > 0:
			size = halfSize
			out = appendUnit(out, half)
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r < ' ', r == '\u0085', r == '\u2028', r == '\u2029':
			out = appendUnit(out, r)
		default:
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return string(out)
}

// EscapeUnit returns the \uXXXX escape of a UTF-16 code unit.
func EscapeUnit(unit rune) string { return string(appendUnit(nil, unit)) }

func appendUnit(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// SingleLine returns valid JSON, or the inside of a JSON string, as a single line for every
// SDK. A line break between tokens becomes a space, because the JS, Go and Python SDKs fail
// at data of several lines. The additional line separators of Python's str.splitlines
// become escapes.
func SingleLine(json string) string {
	for _, end := range []string{"\n", "\r"} {
		if strings.Contains(json, end) {
			json = strings.ReplaceAll(json, end, " ")
		}
	}
	for _, separator := range []struct{ char, escape string }{
		{"\u0085", `\u0085`}, {"\u2028", `\u2028`}, {"\u2029", `\u2029`},
	} {
		if strings.Contains(json, separator.char) {
			json = strings.ReplaceAll(json, separator.char, separator.escape)
		}
	}
	return json
}

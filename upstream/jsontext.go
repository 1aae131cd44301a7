package upstream

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends the text that the inside of a JSON string stands for. Bytes that
// are no UTF-8 stay as they are, and so do escapes that are not JSON's. Half a
// surrogate pair becomes the three bytes that UTF-8 would have for it, so that texts
// which differ do so afterwards.
//
// A pair's first half may stand at the end of a piece of text and its second at the
// beginning of the next one. So the first half is not appended but returned, to be
// given with the next piece; 0 is none.
func unescape(dst []byte, s string, high rune) ([]byte, rune) {
	for s != "" {
		r, size, escaped := scanEscape(s)
		if escaped && high != 0 {
			if pair := utf16.DecodeRune(high, r); pair != utf8.RuneError {
				dst, high, s = utf8.AppendRune(dst, pair), 0, s[size:]
				continue
			}
		}
		dst, high = appendHalf(dst, high), 0
		switch {
		case !escaped:
			dst = append(dst, s[:size]...)
		case isHigh(r):
			high = r
		default:
			dst = appendUnit(dst, r)
		}
		s = s[size:]
	}
	return dst, high
}

// scanEscape reads the escape at the beginning of s, or else what stands before the
// next one, and returns how long that is.
func scanEscape(s string) (r rune, size int, escaped bool) {
	if s[0] != '\\' {
		if i := strings.IndexByte(s, '\\'); i >= 0 {
			return 0, i, false
		}
		return 0, len(s), false
	}
	if len(s) > 1 && s[1] == 'u' {
		const length = len(`\u0000`)
		if len(s) >= length {
			if n, err := strconv.ParseUint(s[2:length], 16, 16); err == nil {
				return rune(n), length, true
			}
		}
		return 0, 2, false
	}
	if len(s) > 1 {
		if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
			return rune("\"\\/\b\f\n\r\t"[i]), 2, true
		}
	}
	return 0, 1, false
}

func isHigh(r rune) bool { return r >= 0xD800 && r < 0xDC00 }

// appendHalf appends the first half of a pair that has no second one; 0 is none.
func appendHalf(dst []byte, high rune) []byte {
	if high == 0 {
		return dst
	}
	return appendUnit(dst, high)
}

// appendUnit appends a character of the first plane, or half a surrogate pair.
func appendUnit(dst []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(dst, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
	}
	return utf8.AppendRune(dst, r)
}

// scanHalf reads what appendUnit writes of half a surrogate pair; 0: none stands there.
func scanHalf(s []byte) rune {
	if len(s) < halfSize || s[0] != 0xED || s[1] < 0xA0 || s[1] > 0xBF || s[2] < 0x80 || s[2] > 0xBF {
		return 0
	}
	return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F)
}

const halfSize = 3

// quote writes text as the inside of a JSON string: only what must be escaped is, and
// what SDKs break on (see portable).
func quote(text []byte) string {
	out := make([]byte, 0, len(text)+len(text)/16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		half := scanHalf(text)
		switch {
		case half != 0:
			size = halfSize
			out = appendEscape(out, half)
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r < ' ', r == '\u0085', r == '\u2028', r == '\u2029':
			out = appendEscape(out, r)
		default:
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return string(out)
}

func appendEscape(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

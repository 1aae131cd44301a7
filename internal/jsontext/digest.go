package jsontext

import (
	"hash/maphash"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Digest is the size and hash of a text, to find the rest of a longer text later without
// keeping the text. The zero value is the empty text. Do not copy a Digest.
type Digest struct {
	size int
	hash maphash.Hash
	high rune // unpaired high surrogate at the end of the text, not in size and hash; or 0
}

// Add appends s, the inside of a JSON string, to the text.
func (d *Digest) Add(s string) {
	if d.high == 0 && strings.IndexByte(s, '\\') < 0 {
		d.size += len(s)
		_, _ = d.hash.WriteString(s) // never fails
		return
	}
	var b []byte
	b, d.high = Unescape(b, s, d.high)
	d.size += len(b)
	_, _ = d.hash.Write(b)
}

// Rest returns the part of full after the text, as the inside of a JSON string, or false if
// full does not begin with the text. full is decoded, as by Unescape.
func (d *Digest) Rest(full []byte) (rest string, ok bool) {
	if len(full) < d.size || maphash.Bytes(d.hash.Seed(), full[:d.size]) != d.hash.Sum64() {
		return "", false
	}
	left := full[d.size:]
	if d.high == 0 {
		return Escape(left), true
	}
	if half, size := ScanSurrogate(left); size > 0 && half == d.high {
		return Escape(left[size:]), true
	}
	r, size := utf8.DecodeRune(left)
	if high, low := utf16.EncodeRune(r); high == d.high {
		return EscapeUnit(low) + Escape(left[size:]), true
	}
	return "", false
}

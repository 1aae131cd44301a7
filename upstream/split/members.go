// Package split cuts the events of a stream into pieces of their text. [Cutter] decides
// which piece has the other fields of an event, and [Runs] recognizes the following events
// of a text without parsing them again.
package split

import (
	"strconv"

	"github.com/tidwall/gjson"
)

// Member is a member of a JSON object, or an element of a JSON array.
type Member struct {
	Key   string // empty for an element
	Begin int    // the offset of the key or the element
	Value gjson.Result
}

// End returns the offset behind the member.
func (m Member) End() int { return m.Value.Index + len(m.Value.Raw) }

// AppendMembers appends the members of an object or an array to dst. Any other value has
// none.
func AppendMembers(dst []Member, v gjson.Result) []Member {
	isObject := v.IsObject()
	if !isObject && !v.IsArray() {
		return dst
	}
	v.ForEach(func(key, value gjson.Result) bool {
		m := Member{Begin: value.Index, Value: value}
		if isObject {
			m.Key, m.Begin = key.Str, key.Index
		}
		dst = append(dst, m)
		return true
	})
	return dst
}

// Find returns the value of the member with a key.
func Find(members []Member, key string) gjson.Result {
	for _, m := range members {
		if m.Key == key {
			return m.Value
		}
	}
	return gjson.Result{}
}

// maxMembers bounds the members of an object that is searched for repeated keys, because
// the time grows as their square. A chunk has about ten.
const maxMembers = 100

// MayRepeat reports whether an object may have a key twice.
func MayRepeat(members []Member) bool {
	if len(members) > maxMembers {
		return true
	}
	for i, m := range members {
		for _, before := range members[:i] {
			if m.Key == before.Key {
				return true
			}
		}
	}
	return false
}

// IsEmpty reports whether a value says nothing: null, "", [] or {}.
func IsEmpty(v gjson.Result) bool {
	switch v.Type {
	case gjson.Null:
		return true
	case gjson.String:
		return v.Str == ""
	case gjson.JSON:
		return !hasMembers(v)
	default:
		return false
	}
}

func hasMembers(v gjson.Result) bool {
	found := false
	v.ForEach(func(_, _ gjson.Result) bool {
		found = true
		return false
	})
	return found
}

// RawString returns the text between the quotes of a JSON string, or "" for any other
// value.
func RawString(v gjson.Result) string {
	if v.Type != gjson.String {
		return ""
	}
	return v.Raw[1 : len(v.Raw)-1]
}

// TextOf returns the place of the text between the quotes of a JSON string.
func TextOf(v gjson.Result) Span { return Span{v.Index + 1, v.Index + len(v.Raw) - 1} }

// Natural returns the digits and the value of a natural number in its usual spelling, which a
// JSON number or a JSON string may be. Any other value has no digits.
func Natural(v gjson.Result) (digits Span, number int64, ok bool) {
	raw, begin := v.Raw, v.Index
	switch v.Type {
	case gjson.Number:
	case gjson.String:
		raw, begin = RawString(v), begin+1
	default:
		return Span{}, 0, false
	}
	if n := NumberLen(raw); n == 0 || n != len(raw) {
		return Span{}, 0, false
	}
	number, err := strconv.ParseInt(raw, 10, 64)
	return Span{begin, begin + len(raw)}, number, err == nil
}

package openai

import (
	"github.com/tidwall/gjson"
)

// member is a member of a JSON object, or an element of a JSON array.
type member struct {
	key   string // empty for an element
	begin int    // the offset of the key or the element
	value gjson.Result
}

// end returns the offset behind the member.
func (m member) end() int { return m.value.Index + len(m.value.Raw) }

// appendMembers appends the members of an object or an array to dst. Any other value has
// none.
func appendMembers(dst []member, v gjson.Result) []member {
	isObject := v.IsObject()
	if !isObject && !v.IsArray() {
		return dst
	}
	v.ForEach(func(key, value gjson.Result) bool {
		m := member{begin: value.Index, value: value}
		if isObject {
			m.key, m.begin = key.Str, key.Index
		}
		dst = append(dst, m)
		return true
	})
	return dst
}

// find returns the value of the member with a key.
func find(members []member, key string) gjson.Result {
	for _, m := range members {
		if m.key == key {
			return m.value
		}
	}
	return gjson.Result{}
}

// maxMembers bounds the members of an object that is searched for repeated keys, because
// the time grows as their square. A chunk has about ten.
const maxMembers = 100

// mayRepeat reports whether an object may have a key twice.
func mayRepeat(members []member) bool {
	if len(members) > maxMembers {
		return true
	}
	for i, m := range members {
		for _, before := range members[:i] {
			if m.key == before.key {
				return true
			}
		}
	}
	return false
}

// isEmpty reports whether a value says nothing: null, "", [] or {}.
func isEmpty(v gjson.Result) bool {
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

// rawString returns the text between the quotes of a JSON string, or "" for any other
// value.
func rawString(v gjson.Result) string {
	if v.Type != gjson.String {
		return ""
	}
	return v.Raw[1 : len(v.Raw)-1]
}

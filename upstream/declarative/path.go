package declarative

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/upstream/split"
)

// Path is the path of a value in the JSON of an event: the names of members from the
// outermost to the innermost object. anyElement stands for each element of a list.
type Path []string

// anyElement is the segment of a path for the elements of a list.
const anyElement = "*"

// UnmarshalText parses a path such as choices.*.delta.content.
func (p *Path) UnmarshalText(text []byte) error {
	for segment := range strings.SplitSeq(string(text), ".") {
		if segment == "" || segment == "$" || strings.ContainsAny(segment, "[]\"' ") || segment != anyElement && strings.Contains(segment, anyElement) {
			return fmt.Errorf("path %q: want names joined by dots, with * for each element of a list, such as choices.*.delta.content", text)
		}
		*p = append(*p, segment)
	}
	return nil
}

// String formats the path as it is written.
func (p Path) String() string { return strings.Join(p, ".") }

// found is a value at a path.
type found struct {
	value   gjson.Result
	indexes []int // of the elements of lists on the way
}

// find returns the values at the path. A member that an object has twice is ambiguous: clients
// may read either value.
func (p Path) find(root gjson.Result) (all []found, ambiguous bool) {
	if len(p) == 0 {
		return nil, false
	}
	return p.collect(nil, found{value: root})
}

func (p Path) collect(all []found, at found) (_ []found, ambiguous bool) {
	if len(p) == 0 {
		return append(all, at), false
	}
	if p[0] == anyElement && !at.value.IsArray() || p[0] != anyElement && !at.value.IsObject() {
		return all, false
	}
	members := split.AppendMembers(nil, at.value)
	matches := 0
	for i, m := range members {
		next := found{m.Value, at.indexes}
		switch {
		case p[0] == anyElement:
			next.indexes = append(at.indexes[:len(at.indexes):len(at.indexes)], i)
		case m.Key != p[0]:
			continue
		default:
			if matches++; matches > 1 {
				return all, true
			}
		}
		var repeated bool
		if all, repeated = p[1:].collect(all, next); repeated {
			return all, true
		}
	}
	return all, false
}

// first returns the first value at the path.
func (p Path) first(root gjson.Result) gjson.Result {
	all, _ := p.find(root)
	if len(all) == 0 {
		return gjson.Result{}
	}
	return all[0].value
}

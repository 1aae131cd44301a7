package declarative

import (
	"fmt"
	"strings"
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

// lists returns the number of lists in the path.
func (p Path) lists() int {
	n := 0
	for _, segment := range p {
		if segment == anyElement {
			n++
		}
	}
	return n
}

package declarative

import (
	"github.com/tidwall/gjson"

	"sse-typewriter/upstream/split"
)

// tree is the JSON of an event, of which only the parts on the way of a path are parsed. The
// memory of a tree is reused for the next event.
type tree struct {
	members  []split.Member // the first one is the root
	children []children     // of each member
}

// children are the members of a member.
type children struct {
	begin, end int
	parsed     bool
}

// reset begins with another root.
func (t *tree) reset(root gjson.Result) {
	t.members = append(t.members[:0], split.Member{Value: root})
	t.children = append(t.children[:0], children{})
}

// treeOf returns the tree of a root.
func treeOf(root gjson.Result) *tree {
	t := &tree{}
	t.reset(root)
	return t
}

// root returns the whole event.
func (t *tree) root() gjson.Result { return t.members[0].Value }

// of returns the range of the members of a member.
func (t *tree) of(member int) (begin, end int) {
	c := t.children[member]
	if !c.parsed {
		c = children{begin: len(t.members), parsed: true}
		t.members = split.AppendMembers(t.members, t.members[member].Value)
		c.end = len(t.members)
		t.children[member] = c
		t.children = append(t.children, make([]children, c.end-c.begin)...)
	}
	return c.begin, c.end
}

// found is a value at a path.
type found struct {
	value   gjson.Result
	indexes indexes
}

// indexes are the places of the elements of lists on the way to a value.
type indexes struct {
	at [maxLists]int
	n  int
}

// maxLists bounds the lists in a path.
const maxLists = 4

// find appends the values at a path to all. A member that an object has twice is ambiguous:
// clients may read either value.
func (t *tree) find(all []found, p Path) (_ []found, ambiguous bool) {
	if len(p) == 0 {
		return all, false
	}
	return t.collect(all, p, 0, indexes{})
}

// collect appends the values at a path from a member.
func (t *tree) collect(all []found, p Path, member int, at indexes) (_ []found, ambiguous bool) {
	v := t.members[member].Value
	switch {
	case len(p) == 0:
		return append(all, found{v, at}), false
	case p[0] == anyElement:
		return t.collectElements(all, p[1:], member, at)
	case !v.IsObject():
		return all, false
	}
	matches := 0
	begin, end := t.of(member)
	for i := begin; i < end; i++ {
		if t.members[i].Key != p[0] {
			continue
		}
		if matches++; matches > 1 {
			return all, true
		}
		if all, ambiguous = t.collect(all, p[1:], i, at); ambiguous {
			return all, true
		}
	}
	return all, false
}

// collectElements is collect for each element of a list.
func (t *tree) collectElements(all []found, p Path, member int, at indexes) (_ []found, ambiguous bool) {
	if !t.members[member].Value.IsArray() {
		return all, false
	}
	at.n++
	begin, end := t.of(member)
	for i := begin; i < end; i++ {
		at.at[at.n-1] = i - begin
		if all, ambiguous = t.collect(all, p, i, at); ambiguous {
			return all, true
		}
	}
	return all, false
}

// first returns the first value at a path.
func (t *tree) first(p Path) gjson.Result {
	var few [4]found
	all, _ := t.find(few[:0], p)
	if len(all) == 0 {
		return gjson.Result{}
	}
	return all[0].value
}

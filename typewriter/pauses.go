package typewriter

import (
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode"

	"sse-typewriter/internal/jsontext"
)

// Class is a set of characters with the same pause after them.
type Class struct {
	// Chars are the characters of the class.
	Chars string

	// BeforeSpace are further characters of the class, only before white space and at
	// the end of the text: the full stop of a sentence, not of a number.
	BeforeSpace string

	// Min and Max bound the uniformly distributed pause.
	Min, Max time.Duration
}

// Other is the name of the class of all remaining characters.
const Other = "other"

// DefaultClasses returns the default classes by name, with the pauses of a human
// typist: after sentences, after clauses, after Markdown marks and after any other
// character.
func DefaultClasses() map[string]Class {
	return map[string]Class{
		"sentence": {
			Chars: "\n。！？…", BeforeSpace: ".!?",
			Min: 300 * time.Millisecond, Max: 500 * time.Millisecond,
		},
		"clause": {
			Chars: "、，,：:；;-",
			Min:   150 * time.Millisecond, Max: 250 * time.Millisecond,
		},
		"markup": {
			Chars: "#*`",
			Min:   200 * time.Millisecond, Max: 350 * time.Millisecond,
		},
		Other: {Min: 60 * time.Millisecond, Max: 120 * time.Millisecond},
	}
}

// Pauses is an immutable table of pauses by character, safe for concurrent use.
type Pauses struct {
	table []pause // by pauseID
	ids   map[rune]pauseID

	// maybe has a bit for the low byte of each character of ids. Most characters are of
	// no class, and the bit saves the lookup of nine in ten of them, 8 ns each.
	maybe [4]uint64
}

// pauseID is an index of Pauses.table.
type pauseID uint32

// otherPause is the pause after the characters of class [Other].
const otherPause pauseID = 0

// pause is the range of a pause. A pause with beforeSpace applies only before white space
// and at the end of the text, and otherPause elsewhere.
type pause struct {
	min, max    time.Duration
	beforeSpace bool
}

func (p pause) mean() time.Duration { return (p.min + p.max) / 2 }

// maxPause is the longest pause of a class.
const maxPause = time.Minute

// NewPauses returns the table of the given classes by name. The classes must include
// [Other], without characters, and no character may be in two classes.
func NewPauses(classes map[string]Class) (*Pauses, error) {
	other, ok := classes[Other]
	if !ok {
		return nil, fmt.Errorf("class %q is missing", Other)
	}
	if other.Chars+other.BeforeSpace != "" {
		return nil, fmt.Errorf("class %q takes no characters: it is for those that no other class names", Other)
	}
	p := uniformPauses(other.Min, other.Max)
	p.ids = map[rune]pauseID{}
	for _, name := range slices.Sorted(maps.Keys(classes)) { // for equal tables and errors
		class := classes[name]
		if class.Min < 0 || class.Max < class.Min || class.Max > maxPause {
			return nil, fmt.Errorf("class %q: cannot pause %v to %v: want 0 to %v", name, class.Min, class.Max, maxPause)
		}
		for _, set := range []struct {
			chars       string
			beforeSpace bool
		}{{class.Chars, false}, {class.BeforeSpace, true}} {
			id := pauseID(len(p.table))
			p.table = append(p.table, pause{min: class.Min, max: class.Max, beforeSpace: set.beforeSpace})
			for _, char := range set.chars {
				if _, twice := p.ids[char]; twice {
					return nil, fmt.Errorf("class %q: character %q stands in two places", name, char)
				}
				p.ids[char] = id
				p.maybe[char>>6&3] |= 1 << (char & 63)
			}
		}
	}
	return p, nil
}

// uniformPauses returns a table with the same pause for all characters.
func uniformPauses(least, most time.Duration) *Pauses {
	return &Pauses{table: []pause{otherPause: {min: least, max: most}}}
}

var defaultPauses = mustPauses(DefaultClasses())

func mustPauses(classes map[string]Class) *Pauses {
	p, err := NewPauses(classes)
	if err != nil {
		panic(err)
	}
	return p
}

// unknown stands for the character of a cluster of several characters.
const unknown rune = -1

// after returns the pause between a character, or unknown, and next, the inside of a JSON
// string. If next is empty, more text may change the pause.
func (p *Pauses) after(char rune, next string) pauseID {
	if p.maybe[char>>6&3]&(1<<(char&63)) == 0 {
		return otherPause
	}
	return p.resolve(p.ids[char], next)
}

// resolve returns the pause to apply instead of id before next.
func (p *Pauses) resolve(id pauseID, next string) pauseID {
	if next == "" || !p.table[id].beforeSpace {
		return id
	}
	if char, _ := jsontext.ScanRune(next); unicode.IsSpace(char) {
		return id
	}
	return otherPause
}

package typewriter

import (
	"fmt"
	"time"
	"unicode"
)

// Class is a set of characters that the same pause follows.
type Class struct {
	// Chars are the characters of the class.
	Chars string

	// BeforeSpace are characters that belong to it when white space follows or
	// nothing does: the full stop of a sentence, not of a number.
	BeforeSpace string

	// Min and Max bound the pause, which is uniform between them.
	Min, Max time.Duration
}

// Other is the name of the class of all characters that no class names.
const Other = "other"

// DefaultClasses returns the pauses of a person at a typewriter by class: after
// a sentence, after a clause, after Markdown's marks, after anything else.
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

// Pauses is a table of classes, made for looking up characters. It does not
// change once made.
type Pauses struct {
	other pause
	chars map[rune]pause
}

// pause is the range that a pause is drawn from. A beforeSpace one is the range
// where white space or nothing follows.
type pause struct {
	min, max    time.Duration
	beforeSpace bool
}

func (p pause) mean() time.Duration { return (p.min + p.max) / 2 }

// NewPauses makes a table of classes by name. [Other] must be among them and have
// no characters; no character may be in two.
func NewPauses(classes map[string]Class) (*Pauses, error) {
	other, ok := classes[Other]
	if !ok {
		return nil, fmt.Errorf("class %q is missing", Other)
	}
	if other.Chars+other.BeforeSpace != "" {
		return nil, fmt.Errorf("class %q takes no characters: it is for those that no other class names", Other)
	}
	p := &Pauses{other: pause{min: other.Min, max: other.Max}, chars: map[rune]pause{}}
	for name, class := range classes {
		if class.Min < 0 || class.Max < class.Min || class.Max > maxPause {
			return nil, fmt.Errorf("class %q: cannot pause %v to %v: want 0 to %v", name, class.Min, class.Max, maxPause)
		}
		for _, set := range []struct {
			chars       string
			beforeSpace bool
		}{{class.Chars, false}, {class.BeforeSpace, true}} {
			for _, char := range set.chars {
				if _, twice := p.chars[char]; twice {
					return nil, fmt.Errorf("class %q: character %q stands in two places", name, char)
				}
				p.chars[char] = pause{min: class.Min, max: class.Max, beforeSpace: set.beforeSpace}
			}
		}
	}
	return p, nil
}

// maxPause is the longest pause that a class may have.
const maxPause = time.Minute

var defaultPauses = mustPauses(DefaultClasses())

func mustPauses(classes map[string]Class) *Pauses {
	p, err := NewPauses(classes)
	if err != nil {
		panic(err)
	}
	return p
}

// unknown stands for a character that is not one, or not there yet.
const unknown rune = -1

// after returns the pause after a character that next follows; either may be
// unknown. It is tentative when a next character could change it.
func (p *Pauses) after(char, next rune) (_ pause, tentative bool) {
	found, ok := p.chars[char]
	if !ok {
		return p.other, false
	}
	if !found.beforeSpace {
		return found, false
	}
	if next == unknown {
		return found, true
	}
	if unicode.IsSpace(next) {
		return found, false
	}
	return p.other, false
}

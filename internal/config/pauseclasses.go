package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sse-typewriter/typewriter"
)

// Pauses maps the name of a character class to its settings in the file. A new name adds
// a class.
type Pauses map[string]Class

// Class overrides a character class. Omitted fields keep their defaults.
type Class struct {
	Chars       *string   `json:"chars"`
	BeforeSpace *string   `json:"before-space"`
	Min         *duration `json:"min"`
	Max         *duration `json:"max"`
}

// UnmarshalJSON parses the section of the file, converted to JSON for kong. Unknown
// fields are errors.
func (p *Pauses) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode((*map[string]Class)(p))
}

// duration is a [time.Duration] written with its unit, such as 300ms.
type duration time.Duration

// UnmarshalJSON parses a duration. Of the numbers, only 0 is valid without a unit.
func (d *duration) UnmarshalJSON(data []byte) error {
	parsed, err := time.ParseDuration(strings.Trim(string(data), `"`))
	*d = duration(parsed)
	return err
}

// table merges p into the default classes.
func (p Pauses) table() (*typewriter.Pauses, error) {
	classes := typewriter.DefaultClasses()
	for name, change := range p {
		class := classes[name]
		if change.Chars != nil {
			class.Chars = *change.Chars
		}
		if change.BeforeSpace != nil {
			class.BeforeSpace = *change.BeforeSpace
		}
		if change.Min != nil {
			class.Min = time.Duration(*change.Min)
		}
		if change.Max != nil {
			class.Max = time.Duration(*change.Max)
		}
		classes[name] = class
	}
	pauses, err := typewriter.NewPauses(classes)
	if err != nil {
		return nil, fmt.Errorf("pauses: %w", err)
	}
	return pauses, nil
}

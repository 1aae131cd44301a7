package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sse-typewriter/typewriter"
)

// Pauses are the classes of the file, which change the default ones or are new.
type Pauses map[string]Class

// Class is a class of characters in the file. What is left out stays as it is.
type Class struct {
	Chars       *string   `json:"chars"`
	BeforeSpace *string   `json:"before-space"`
	Min         *duration `json:"min"`
	Max         *duration `json:"max"`
}

// UnmarshalJSON implements [json.Unmarshaler]: kong hands the file on as JSON.
func (p *Pauses) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode((*map[string]Class)(p))
}

// duration is a time.Duration that is written as 300ms.
type duration time.Duration

// UnmarshalJSON implements [json.Unmarshaler]. Without quotes, only 0 is one.
func (d *duration) UnmarshalJSON(data []byte) error {
	parsed, err := time.ParseDuration(strings.Trim(string(data), `"`))
	*d = duration(parsed)
	return err
}

// table returns the default classes as the file changes them, and its own.
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

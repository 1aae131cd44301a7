package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"sse-typewriter/typewriter"
)

// pausesVariable is the environment variable of the pauses.
const pausesVariable = envPrefix + "_PAUSES"

// pauseSettings are the settings of a character class.
var pauseSettings = []string{"chars", "before-space", "min", "max"}

// readPauses merges the pauses of the settings into the default classes. The error reports
// all invalid settings, one on each line.
func (c *Config) readPauses() (*typewriter.Pauses, error) {
	source := "pauses"
	if _, set := os.LookupEnv(pausesVariable); set {
		source = pausesVariable
	}
	sections, err := c.Pauses.read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	classes := typewriter.DefaultClasses()
	known := slices.Sorted(maps.Keys(classes))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		class, failed := changeClass(classes[name], sections[name])
		isNew := !slices.Contains(known, name)
		switch {
		case isNew && class.Chars+class.BeforeSpace == "":
			failed = append(failed, fmt.Errorf("no such class (a new one needs chars)%s", suggestion(name, known)))
		case len(failed) == 0 && class.Min > class.Max:
			failed = append(failed, errors.New(aboveMax(class, sections[name], isNew)))
		}
		for _, err := range failed {
			errs = append(errs, fmt.Errorf("%s: %s: %w", source, name, err))
		}
		classes[name] = class
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	pauses, err := typewriter.NewPauses(classes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return pauses, nil
}

// changeClass returns a class with changed settings, and the errors of the settings.
func changeClass(class typewriter.Class, settings map[string]string) (changed typewriter.Class, errs []error) {
	var err error
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		switch text := settings[name]; name {
		case "chars":
			class.Chars = text
		case "before-space":
			class.BeforeSpace = text
		case "min":
			class.Min, err = parsePause(name, text)
		case "max":
			class.Max, err = parsePause(name, text)
		default:
			err = fmt.Errorf("unknown setting %q%s", name, suggestion(name, pauseSettings))
		}
		if err != nil {
			errs = append(errs, err)
		}
		err = nil
	}
	return class, errs
}

// parsePause parses a duration. Of the numbers, only 0 is valid without a unit.
func parsePause(name, text string) (time.Duration, error) {
	pause, err := time.ParseDuration(text)
	if err == nil {
		return pause, nil
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return 0, fmt.Errorf("%s: %s has no unit: did you mean %sms?", name, text, text)
	}
	return 0, fmt.Errorf("%s: %q is invalid: want a duration such as 200ms", name, text)
}

// aboveMax describes a minimum above the maximum, which may be a default.
func aboveMax(class typewriter.Class, settings map[string]string, isNew bool) string {
	text := fmt.Sprintf("min %v is above max %v", class.Min, class.Max)
	switch {
	case settings["max"] != "":
		return text
	case isNew:
		return text + ": set max too"
	case settings["min"] != "":
		return text + ", the default: set max too"
	default:
		return text
	}
}

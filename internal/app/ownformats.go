package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sse-typewriter/internal/config"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/declarative"
)

// ownFormats are the descriptions of formats in the configuration file, by name.
type ownFormats map[string]*declarative.Description

// readOwnFormats parses the descriptions of formats in the configuration file. The error has a
// line for each fault.
func readOwnFormats(conf *config.Config) (ownFormats, error) {
	own := ownFormats{}
	builtin, err := newFormats(conf, config.Upstream{Format: config.Formats[0]}, own)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(conf.Formats)) {
		d, err := declarative.Parse([]byte(conf.Formats[name]))
		if builtin.Find(name) != nil {
			err = errors.Join(errors.New("the name is that of a built-in format"), err)
		}
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				errs = append(errs, fmt.Errorf("formats: %s: %s", name, line))
			}
		}
		own[name] = d
	}
	return own, errors.Join(errs...)
}

// formats returns the formats in the order of their names.
func (own ownFormats) formats(o declarative.Options) upstream.Formats {
	var all upstream.Formats
	for _, name := range slices.Sorted(maps.Keys(own)) {
		all = append(all, own[name].New(name, o))
	}
	return all
}

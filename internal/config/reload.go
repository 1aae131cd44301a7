package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/alecthomas/kong"
)

// reloadTag marks the settings that may change while the server runs.
const reloadTag = "reload"

// reloadedOfUpstream are the settings of an upstream with a prefix that may change while the
// server runs.
var reloadedOfUpstream = []string{
	"token", "mode", "speed", "max-lag", "max-tail", "reasoning", "smooth-max-lag", "unit", "markdown", "min-interval",
}

// HasFiles reports whether a file holds settings, which a reload may read again.
func (c *Config) HasFiles() bool { return c.Config != "" || c.APIKeys.File != "" }

// Reload parses the settings again and returns c, the settings of the running server, with
// those changes that take effect while the server runs. fixed names the other changes. A
// token changes only together with an unchanged service. The error is that of [Parse], or
// reports that no API key is left: the truncated file of a server with keys must not admit
// all clients.
func (c *Config) Reload(args []string) (reloaded *Config, fixed []string, err error) {
	command, err := Parse(args, io.Discard)
	if err != nil {
		return nil, nil, err
	}
	next := *command.Serve
	reloaded = &Config{}
	*reloaded = *c
	if fixed, err = merge(reloaded, &next); err != nil {
		return nil, nil, err
	}
	if next.Upstream != c.Upstream {
		reloaded.UpstreamToken = c.UpstreamToken
	}
	if err := reloaded.validate(); err != nil {
		return nil, nil, err
	}
	if len(c.APIKeys.List) > 0 && len(reloaded.APIKeys.List) == 0 {
		return nil, nil, errors.New("--api-keys: all keys are removed: only a restart can admit clients without a key")
	}
	return reloaded, fixed, nil
}

// merge copies the settings marked with reloadTag from next, and returns the names of other
// settings that differ.
func merge(to, next *Config) (fixed []string, err error) {
	own, err := flags(to)
	if err != nil {
		return nil, err
	}
	others, err := flags(next)
	if err != nil {
		return nil, err
	}
	for i, flag := range own {
		switch other := others[i]; {
		case flag.Name == "upstreams":
			changed, err := mergeUpstreams(&to.Upstreams, next.Upstreams)
			if err != nil {
				return nil, err
			}
			fixed = append(fixed, changed...)
		case flag.Tag.Has(reloadTag):
			flag.Target.Set(other.Target)
		case !reflect.DeepEqual(flag.Target.Interface(), other.Target.Interface()):
			fixed = append(fixed, flag.Name)
		}
	}
	slices.Sort(fixed)
	return slices.Compact(fixed), nil
}

// flags returns the flags of a configuration, whose targets are the fields.
func flags(c *Config) ([]*kong.Flag, error) {
	parser, err := kong.New(c, kong.Exit(func(int) {}))
	if err != nil {
		return nil, fmt.Errorf("cannot list the settings: %w", err)
	}
	return slices.DeleteFunc(slices.Clone(parser.Model.Flags), func(f *kong.Flag) bool { return f.Name == "help" }), nil
}

// mergeUpstreams is merge for the upstreams with a prefix.
func mergeUpstreams(to *Sections, next Sections) (fixed []string, err error) {
	own, err := to.read()
	if err != nil {
		return nil, err
	}
	others, err := next.read()
	if err != nil {
		return nil, err
	}
	for prefix := range others {
		if own[prefix] == nil {
			fixed = append(fixed, "upstreams: "+prefix)
		}
	}
	for prefix, settings := range own {
		other := others[prefix]
		if other == nil || other["url"] != settings["url"] {
			fixed = append(fixed, "upstreams: "+prefix)
			continue
		}
		for _, name := range slices.Concat(slices.Collect(maps.Keys(settings)), slices.Collect(maps.Keys(other))) {
			value, isSet := other[name]
			switch {
			case !slices.Contains(reloadedOfUpstream, name):
				if value != settings[name] {
					fixed = append(fixed, "upstreams: "+prefix+": "+name)
				}
			case isSet:
				settings[name] = value
			default:
				delete(settings, name)
			}
		}
	}
	data, err := json.Marshal(own)
	to.text = string(data)
	return fixed, err
}

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// loadFile parses the YAML file of --config. The returned resolver rejects unknown keys
// and yields to environment variables.
func loadFile(r io.Reader) (kong.Resolver, error) {
	name := "the file"
	if f, ok := r.(*os.File); ok {
		name = f.Name()
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err // names the file
	}
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal(data, &keys); err != nil {
		return nil, fmt.Errorf("%s: %w", name, oneLine(err))
	}
	return resolver{name, keys}, nil
}

// resolver looks up settings in a configuration file.
type resolver struct {
	name string // of the file
	keys map[string]yaml.Node
}

// Validate implements [kong.Resolver]. The error names all unknown keys, and all values that
// are lists or groups without need.
func (r resolver) Validate(app *kong.Application) error {
	flags := map[string]*kong.Flag{}
	for _, flag := range app.Children[0].Flags {
		if flag.Name != "config" {
			flags[flag.Name] = flag
		}
	}
	names := slices.Sorted(maps.Keys(flags))
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(r.keys)) {
		node := r.keys[key]
		if flags[key] == nil {
			errs = append(errs, fmt.Errorf("%s: unknown setting %q%s", r.name, key, suggestion(key, names)))
		} else if err := checkShape(&node, flags[key]); err != nil {
			errs = append(errs, fmt.Errorf("%s: line %d: %s: %w", r.name, node.Line, key, err))
		}
	}
	return errors.Join(errs...)
}

// checkShape reports a value that is not of the form of a setting.
func checkShape(node *yaml.Node, flag *kong.Flag) error {
	kind := resolved(node).Kind
	if node.Tag == "!!null" {
		return nil
	}
	switch flag.Target.Type() {
	case reflect.TypeFor[Sections]():
		_, err := readSections(node)
		return err
	case reflect.TypeFor[FormatSettings]():
		_, err := readFormats(node)
		return err
	}
	switch {
	case kind == yaml.ScalarNode:
		return nil
	case kind == yaml.SequenceNode && (flag.Target.Kind() == reflect.Slice || flag.Target.Type() == reflect.TypeFor[Keys]()):
		return errors.New("want the values separated by commas, such as first,second, and not a list")
	default:
		return errors.New("want a single value")
	}
}

// Resolve implements [kong.Resolver]. Values are returned as written in the file, so
// that kong parses them like flags: an id of digits stays text, and a duration needs a
// unit. Values without the form of a setting are skipped; Validate reports them.
func (r resolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // in kong, nil means that the resolver has no value
		}
	}
	node, known := r.keys[flag.Name]
	if !known || node.Tag == "!!null" || checkShape(&node, flag) != nil {
		return nil, nil //nolint:nilnil // as above
	}
	switch flag.Target.Type() {
	case reflect.TypeFor[Sections]():
		sections, err := readSections(&node)
		return asJSON(sections, err)
	case reflect.TypeFor[FormatSettings]():
		formats, err := readFormats(&node)
		return asJSON(formats, err)
	}
	text := ""
	if err := node.Decode(&text); err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, oneLine(err))
	}
	return text, nil
}

// asJSON encodes a structured value for kong, unless there was an error before.
func asJSON(value any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(value)
	return string(data), err
}

// oneLine returns an error of package yaml without line breaks.
func oneLine(err error) error {
	if failed, ok := errors.AsType[*yaml.TypeError](err); ok {
		return errors.New(strings.Join(failed.Errors, "; "))
	}
	return err
}

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

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
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return resolver{name, keys}, nil
}

// resolver looks up settings in a configuration file.
type resolver struct {
	name string // of the file
	keys map[string]yaml.Node
}

// Validate implements [kong.Resolver]. The error names all unknown keys.
func (r resolver) Validate(app *kong.Application) error {
	known := map[string]bool{}
	for _, flag := range app.Children[0].Flags {
		known[flag.Name] = flag.Name != "config"
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(r.keys)) {
		if !known[key] {
			errs = append(errs, fmt.Errorf("%s: unknown setting %q", r.name, key))
		}
	}
	return errors.Join(errs...)
}

// Resolve implements [kong.Resolver]. Values are returned as written in the file, so
// that kong parses them like flags: an id of digits stays text, and a duration needs a
// unit.
func (r resolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // in kong, nil means that the resolver has no value
		}
	}
	node, known := r.keys[flag.Name]
	if !known || node.Tag == "!!null" {
		return nil, nil //nolint:nilnil // as above
	}
	switch flag.Name {
	case "pauses":
		return r.asJSON(&node, new(any))
	case "upstreams":
		return r.asJSON(&node, &UpstreamSettings{}) // numbers stay as written
	}
	text := ""
	if err := node.Decode(&text); err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return text, nil
}

// asJSON decodes a structured value into a variable, and encodes the variable as JSON for
// kong.
func (r resolver) asJSON(node *yaml.Node, value any) (any, error) {
	if err := node.Decode(value); err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return string(data), nil
}

package config

import (
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"
)

// Sections are groups of settings by name, in YAML, read by [Config.Paces] and
// [Config.AllUpstreams]. The zero value has no groups.
type Sections struct{ text string }

// UnmarshalText keeps the text; errors in it are reported with those of all settings.
func (s *Sections) UnmarshalText(text []byte) error {
	s.text = string(text)
	return nil
}

// read returns the groups, with values as written. An error is a single line.
func (s Sections) read() (map[string]map[string]string, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(s.text), &document); err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	return readSections(document.Content[0])
}

// readSections returns the groups of a node.
func readSections(node *yaml.Node) (map[string]map[string]string, error) {
	node = resolved(node)
	if node.Tag == "!!null" {
		return nil, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, errors.New("want groups of settings, such as name: {setting: value}")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, group := node.Content[i].Value, resolved(node.Content[i+1])
		if group.Kind != yaml.MappingNode && group.Tag != "!!null" {
			return nil, fmt.Errorf("%s: want settings, such as {setting: value}", name)
		}
		for j := 0; j+1 < len(group.Content); j += 2 {
			if resolved(group.Content[j+1]).Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("%s: %s: want a single value", name, group.Content[j].Value)
			}
		}
	}
	var sections map[string]map[string]string
	if err := node.Decode(&sections); err != nil {
		return nil, oneLine(err) // a name is repeated
	}
	return sections, nil
}

// resolved returns the node to which an alias refers, or else the node.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

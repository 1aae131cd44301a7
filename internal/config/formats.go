package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// defaultFormat is the format of an upstream if none is configured.
const defaultFormat = "coze"

// Formats are the names of the built-in formats in which the server can ask questions.
var Formats = []string{defaultFormat, "openai", "openai-responses", "anthropic", "gemini", "ollama", "dify", "ai-sdk", "ag-ui", "dashscope", "lke", "wenxin"}

// withoutModel are the built-in formats whose questions name no model.
var withoutModel = []string{defaultFormat, "dify", "ai-sdk", "ag-ui", "lke"}

// FormatSettings are the descriptions of wire formats by name, in YAML as written in the file.
type FormatSettings map[string]string

// UnmarshalText parses the JSON of readFormats.
func (s *FormatSettings) UnmarshalText(text []byte) error {
	return json.Unmarshal(text, (*map[string]string)(s))
}

// readFormats returns the descriptions in a node. An error is a single line.
func readFormats(node *yaml.Node) (FormatSettings, error) {
	node = resolved(node)
	if node.Kind != yaml.MappingNode {
		return nil, errors.New("want formats, such as name: {paths: [/v1/chat], texts: [{path: answer}]}")
	}
	var nodes map[string]yaml.Node
	if err := node.Decode(&nodes); err != nil {
		return nil, oneLine(err) // a name is repeated
	}
	formats := FormatSettings{}
	for name, node := range nodes {
		text, err := yaml.Marshal(&node)
		if err != nil {
			return nil, err
		}
		formats[name] = string(text)
	}
	return formats, nil
}

// checkFormat reports an unknown format of questions.
func (c *Config) checkFormat(name string) error {
	all := slices.Concat(Formats, slices.Sorted(maps.Keys(c.Formats)))
	if slices.Contains(all, name) {
		return nil
	}
	return fmt.Errorf("format %q: want one of %s", name, strings.Join(all, ", "))
}

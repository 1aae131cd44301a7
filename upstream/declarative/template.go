package declarative

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sse-typewriter/internal/jsonx"
)

// placeholder matches a placeholder in JSON: a string whose value is a name in braces.
var placeholder = regexp.MustCompile(`"\{([a-z_]+)\}"`)

// fill returns JSON with the values of its placeholders.
func fill(template string, values map[string]any) []byte {
	return placeholder.ReplaceAllFunc([]byte(template), func(match []byte) []byte {
		return jsonx.Marshal(values[strings.Trim(string(match), `"{}`)])
	})
}

// checkTemplate reports text that is no JSON, or has an unknown placeholder.
func checkTemplate(template string, values map[string]any) error {
	if !json.Valid([]byte(template)) {
		return fmt.Errorf("%q is not JSON", template)
	}
	for _, match := range placeholder.FindAllStringSubmatch(template, -1) {
		if _, ok := values[match[1]]; !ok {
			return fmt.Errorf("unknown placeholder {%s}: want one of {%s}", match[1], strings.Join(slices.Sorted(maps.Keys(values)), "}, {"))
		}
	}
	return nil
}

// Package jsonx encodes JSON without HTML escapes.
package jsonx

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Marshal returns the JSON encoding of v on one line, without a final newline and
// without the HTML escapes of [json.Marshal]: <, > and & stay as they are. Marshal
// panics for values without an encoding, such as NaN.
func Marshal(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("jsonx: cannot encode %T: %v", v, err))
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

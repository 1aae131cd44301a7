// Package jsonx encodes JSON for clients that compare or display the bytes.
package jsonx

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Marshal returns the JSON encoding of v on one line, without a final newline and
// without the HTML escapes of [json.Marshal]: <, > and & stay as they are. It panics if
// v cannot be encoded, so v must consist of types that always can.
func Marshal(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("jsonx: cannot encode %T: %v", v, err))
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

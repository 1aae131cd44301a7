package declarative

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"gopkg.in/yaml.v3"

	"sse-typewriter/upstream"
)

// Description describes a wire format.
type Description struct {
	// Paths are the paths of POST requests. A * at the beginning stands for any prefix, and
	// a * elsewhere for a segment.
	Paths []string `yaml:"paths"`

	// Header, if not empty, is a request header without which the paths are those of another
	// format.
	Header string `yaml:"header"`

	// Framing is sse (the default), compact-sse or ndjson.
	Framing string `yaml:"framing"`

	// Type is the path of an event's type; empty: the name of the SSE event is the type.
	Type Path `yaml:"type"`

	// Snapshots is no (the default) if each event has new text, yes if each event repeats the
	// text before, or auto for a service that does either.
	Snapshots string `yaml:"snapshots"`

	// MinInterval is the minimum time between two events of text; 0: the server's default.
	MinInterval time.Duration `yaml:"min-interval"`

	// Incremental is the path of a field of request bodies that is true for a stream without
	// snapshots and false for a stream with them. For snapshots: auto.
	Incremental Path `yaml:"incremental"`

	// Texts are the texts of events. Required.
	Texts []Text `yaml:"texts"`

	// First and Last are the fields that only the first or the last piece of a text has.
	First []Field `yaml:"first"`
	Last  []Field `yaml:"last"`

	// Chat is the path of the id for Stop, and Usage are those of the token counts.
	Chat  Path  `yaml:"chat"`
	Usage Usage `yaml:"usage"`

	// Done are the signs of the end of a stream; without any, a stream just ends.
	Done []Sign `yaml:"done"`

	// Error is how errors are read and written.
	Error Errors `yaml:"error"`

	// Heartbeat is written during silence.
	Heartbeat *string `yaml:"heartbeat"`

	// RequestID is the response header with the service's id of a request; X-Request-Id by
	// default.
	RequestID string `yaml:"request-id"`

	// Credentials are the places for a credential; none: a bearer token.
	Credentials []Credential `yaml:"credentials"`

	// Ask and Stop are the requests for a question and to stop a chat; optional.
	Ask  *Request `yaml:"ask"`
	Stop *Request `yaml:"stop"`

	// Examples are events of the service. Each path above must exist in an example.
	Examples []string `yaml:"examples"`
}

// Text is a text of events.
type Text struct {
	Path Path `yaml:"path"`

	name string // the path as a string

	// Types are the types of events with the text; none: all.
	Types []string `yaml:"types"`

	// Kind is answer (the default), reasoning or refusal.
	Kind string `yaml:"kind"`

	// Channel are the paths of values that tell texts apart.
	Channel []Path `yaml:"channel"`

	// Twin is the path of a copy of the text.
	Twin Path `yaml:"twin"`

	// Unless are values of events without the text.
	Unless []Sign `yaml:"unless"`
}

// Field is a field of an event.
type Field struct {
	Path Path

	// Otherwise is the JSON of the field in the other pieces; empty: they lack the field.
	Otherwise string
}

// UnmarshalYAML accepts a path alone, or a mapping in which otherwise is any value.
func (f *Field) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&f.Path)
	}
	var field struct {
		Path      Path      `yaml:"path"`
		Otherwise yaml.Node `yaml:"otherwise"` // a node is decoded even if it is null
	}
	if err := decodeStrictly(node, &field); err != nil {
		return err
	}
	f.Path = field.Path
	if field.Otherwise.IsZero() {
		return nil
	}
	var value any
	if err := field.Otherwise.Decode(&value); err != nil {
		return err
	}
	data, err := json.Marshal(value)
	f.Otherwise = string(data)
	return err
}

// decodeStrictly decodes a node and rejects unknown keys, which Decode of a node does not.
func decodeStrictly(node *yaml.Node, into any) error {
	text, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(into)
}

// Sign is a property of events: the data, or the type, or a field. A field counts if it
// exists and is neither null, false, 0, "", [] nor {}; with Is, if it has the value, and with
// Not, if it has another one.
type Sign struct {
	Data string  `yaml:"data"`
	Type string  `yaml:"type"`
	Path Path    `yaml:"path"`
	Is   *string `yaml:"is"`
	Not  *string `yaml:"not"`

	// Unless are signs of events without this sign.
	Unless []Sign `yaml:"unless"`
}

// Usage are the paths of token counts.
type Usage struct {
	Input  Path `yaml:"input"`
	Output Path `yaml:"output"`
	Total  Path `yaml:"total"`
}

// Errors is how errors are read and written.
type Errors struct {
	// Signs are the signs of an event with an error.
	Signs []Sign `yaml:"signs"`

	// Message and Code are the paths of an error's message and code. The first one that
	// exists counts.
	Message []Path `yaml:"message"`
	Code    []Path `yaml:"code"`

	// Event is the type of an event with an error of the server, and Data and Body are its
	// data and the body of a reply, as JSON with placeholders.
	Event string `yaml:"event"`
	Data  string `yaml:"data"`
	Body  string `yaml:"body"`

	// own are the errors of the server within a stream, by their data. The viewers of a
	// stored stream learn from the data that the stream has failed, whatever its form.
	own map[string]*upstream.Error
}

// Credential is a place for a credential: a header, with a prefix before the credential, or a
// query parameter.
type Credential struct {
	Header string `yaml:"header"`
	Prefix string `yaml:"prefix"`
	Query  string `yaml:"query"`
}

// Request is a request to the service.
type Request struct {
	Path    string            `yaml:"path"`
	Headers map[string]string `yaml:"headers"`

	// Body is JSON with placeholders.
	Body string `yaml:"body"`
}

// Parse parses a description in YAML and checks it. The error names all faults, one on each
// line.
func Parse(text []byte) (*Description, error) {
	d := &Description{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(d); errors.Is(err, io.EOF) {
		return nil, errors.New("the description is empty")
	} else if err != nil {
		return nil, fmt.Errorf("cannot read the description: %w", err)
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	d.Error.prepare()
	for i := range d.Texts {
		d.Texts[i].name = d.Texts[i].Path.String()
	}
	return d, nil
}

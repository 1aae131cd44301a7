package handler

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// event is a server-sent event as dispatched by a client.
type event struct{ name, data string }

// readPython reads a stream as strictly as coze-py: lines end as in str.splitlines, the
// only fields are event and data, at most once per event, and an event must have data.
func readPython(stream string) (events []event, err error) {
	var current event
	fields := 0
	for i, line := range pythonLines(stream) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && fields > 0 && current.data == "":
			return nil, fmt.Errorf("line %d: event %q has no data", i, current.name)
		case line == "":
			if fields > 0 {
				events = append(events, current)
			}
			current, fields = event{}, 0
			continue
		case name == "event" && current.name == "":
			current.name = value
		case name == "data" && current.data == "":
			current.data = value
		default:
			return nil, fmt.Errorf("line %d: unexpected %.80q", i, line)
		}
		fields++
	}
	if fields > 0 {
		return nil, errors.New("last event has no blank line")
	}
	return events, nil
}

// pythonLines splits as str.splitlines does.
func pythonLines(s string) []string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029", r) {
			return '\n'
		}
		return r
	}, s)
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// readGo reads a stream as strictly as coze-go: the line of data must follow the line of
// the event's name directly, and every line must end with a newline.
func readGo(stream string) (events []event, err error) {
	if stream != "" && !strings.HasSuffix(stream, "\n") {
		return nil, errors.New("last line has no newline")
	}
	lines := strings.Split(strings.TrimSuffix(stream, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		name, ok := strings.CutPrefix(lines[i], "event:")
		switch {
		case ok && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "data:"):
			i++
			events = append(events, event{strings.TrimPrefix(name, " "), strings.TrimPrefix(lines[i][len("data:"):], " ")})
		case ok:
			return nil, fmt.Errorf("line %d: no data after %.80q", i, lines[i])
		case strings.HasPrefix(lines[i], "data:"):
			return nil, fmt.Errorf("line %d: data without an event: %.80q", i, lines[i])
		}
	}
	return events, nil
}

// readStrict reads a stream both ways, and fails the test if either reader fails or the
// events differ.
func readStrict(t *testing.T, stream string) []event {
	t.Helper()
	python, err := readPython(stream)
	if err != nil {
		t.Fatalf("coze-py: %v", err)
	}
	golang, err := readGo(stream)
	if err != nil {
		t.Fatalf("coze-go: %v", err)
	}
	if len(python) != len(golang) {
		t.Fatalf("coze-py reads %d events, coze-go %d", len(python), len(golang))
	}
	for i := range python {
		if python[i] != golang[i] {
			t.Fatalf("event %d: coze-py reads %q, coze-go %q", i, python[i], golang[i])
		}
	}
	return python
}

// The readers are as strict as the SDKs, by measurement.
func TestStrictReaders(t *testing.T) {
	tests := []struct {
		name, stream   string
		python, golang bool // whether the SDK can read the stream
	}{
		{"event", "event:a\ndata:{}\n\n", true, true},
		{"spaces", "event: a\ndata: {}\n\n", true, true},
		{"blank lines between", "\n\nevent:a\ndata:{}\n\n\n\nevent:b\ndata:{}\n\n", true, true},
		{"comment", ": c\n\nevent:a\ndata:{}\n\n", false, true},
		{"id before", "id:1\nevent:a\ndata:{}\n\n", false, true},
		{"retry", "retry:1\nevent:a\ndata:{}\n\n", false, true},
		{"id between", "event:a\nid:1\ndata:{}\n\n", false, false},
		{"no data", "event:a\n\n", false, false},
		{"several data lines", "event:a\ndata:{\ndata:}\n\n", false, false},
		{"no end", "event:a\ndata:{}", false, false},
		{"line separator", "event:a\ndata:\"\u2028\"\n\n", false, true},
	}
	for _, test := range tests {
		_, python := readPython(test.stream)
		_, golang := readGo(test.stream)
		if (python == nil) != test.python || (golang == nil) != test.golang {
			t.Errorf("%s: coze-py %v, coze-go %v", test.name, python, golang)
		}
	}
}

package handler

import (
	"fmt"
	"strings"
)

// event is a server-sent event as a client reads it.
type event struct{ name, data string }

// readStrict reads a stream as the strictest of the official SDKs' parsers do, all
// at once: coze-py takes only event and data fields and splits lines as Python
// does; coze-go wants the data on the line after the event; coze-js breaks on an
// event of several data lines or of none. Unnamed data is allowed: a bare upstream
// sends it.
func readStrict(stream string) ([]event, error) {
	if stream != "" && !strings.HasSuffix(stream, "\n\n") {
		return nil, fmt.Errorf("ends without a blank line: %.80q", stream[max(0, len(stream)-80):])
	}
	var events []event
	var current event
	fields := 0
	for i, line := range pythonLines(stream) {
		name, value, _ := strings.Cut(line, ":")
		switch {
		case line == "":
			if fields > 0 && current.data == "" {
				return nil, fmt.Errorf("line %d: event %q has no data", i, current.name)
			}
			if fields > 0 {
				events = append(events, current)
			}
			current, fields = event{}, 0
			continue
		case name == "event" && fields == 0:
			current.name = value
		case name == "data" && current.data == "":
			current.data = value
		default:
			return nil, fmt.Errorf("line %d: unexpected %.80q", i, line)
		}
		fields++
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

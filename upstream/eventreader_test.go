package upstream

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// readEvents reads all events of a stream that comes in pieces of a size; 0 is one piece.
func readEvents(t *testing.T, stream string, size int) (events []rawEvent) {
	t.Helper()
	r := eventReader{r: testenv.InPieces(stream, size), max: len(stream) + 1}
	for {
		e, err := r.read()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatalf("%q: %v", stream, err)
		}
		events = append(events, e)
	}
}

func TestEventReader(t *testing.T) {
	for _, test := range []struct {
		name, stream string
		want         []rawEvent
	}{
		{"empty data", "event:a\ndata\n\ndata:\n\ndata: \n\n", []rawEvent{{name: "a"}, {}, {}}},
		{"a name without data", "event:a\n\ndata:b\n\nevent:c\n\n", []rawEvent{{data: "b"}}},
		{"one space is not data", "event:  a\ndata:  b\ndata:\tc\n\n", []rawEvent{{name: " a", data: " b\n\tc"}}},
		{"one byte order mark", "\ufeff\ufeffdata:a\n\n\ufeffdata:b\n\ndata:\ufeffc\n\n", []rawEvent{{data: "\ufeffc"}}},
		{"lines end in CR", "data:a\rdata:b\r\rdata:c\r\r", []rawEvent{{data: "a\nb"}, {data: "c"}}},
		{"lines end in anything", "data:a\r\ndata:b\n\r\ndata:c\r\r\ndata:d\n\n", []rawEvent{{data: "a\nb"}, {data: "c"}, {data: "d"}}},
		{"other fields", ":a\nid:b\nretry:1\nDATA:c\ndata :d\n data:e\nfoo\n\ndata:f\n\n", []rawEvent{{data: "f"}}},
		{"the last name counts", "event:a\nevent:b\ndata:c\n\n", []rawEvent{{name: "b", data: "c"}}},
		{"no blank line", "data:a\n\nevent:b\ndata:c\n", []rawEvent{{data: "a"}, {name: "b", data: "c", unended: true}}},
		{"no line end", "event:a\ndata:b", []rawEvent{{name: "a", data: "b", unended: true, inLine: true}}},
		{"half a name", "data:a\n\nevent:b", []rawEvent{{data: "a"}, {name: "b", unended: true, inLine: true}}},
		{"half a comment", "data:a\n\n:b", []rawEvent{{data: "a"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for size := range len(test.stream) + 1 {
				if got := readEvents(t, test.stream, size); !slices.Equal(got, test.want) {
					t.Errorf("in pieces of %d: got %+v, want %+v", size, got, test.want)
				}
			}
		})
	}
}

// A large event leaves no large buffers behind.
func TestEventReaderFreesBuffers(t *testing.T) {
	r := eventReader{r: testenv.InPieces("data:"+strings.Repeat("x", 4*keptBuffer)+"\n\ndata:a\n\n", 1000), max: 1 << 20}
	for range 2 {
		if _, err := r.read(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.read(); !errors.Is(err, io.EOF) || cap(r.buf)+cap(r.data) > 2*keptBuffer {
		t.Errorf("got %v; the buffers have %d and %d bytes", err, cap(r.buf), cap(r.data))
	}
}

// FuzzEventReader compares the events with those of a plain reading of the standard, in
// one piece and in small ones.
func FuzzEventReader(f *testing.F) {
	for _, seed := range []string{"event:a\ndata:b\n\n", "\ufeffdata\r\rdata: \r\n\r\n:c\nid:1\n\n", "event:a\n\ndata:\n\nevent:b\ndata:c"} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, stream string, size int) {
		want := plainEvents(stream)
		for _, size := range []int{0, 1, size & 0xff} {
			got := slices.DeleteFunc(readEvents(t, stream, size), func(e rawEvent) bool { return e.unended })
			if !slices.Equal(got, want) {
				t.Errorf("%q in pieces of %d: got %+v, want %+v", stream, size, got, want)
			}
		}
	})
}

// plainEvents returns the events of a stream that has arrived as a whole.
func plainEvents(stream string) (events []rawEvent) {
	stream = strings.TrimPrefix(stream, "\ufeff")
	stream = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(stream)
	lines := strings.Split(stream, "\n")
	name, data := "", []string(nil)
	for _, line := range lines[:len(lines)-1] {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data != nil {
				events = append(events, rawEvent{name: name, data: strings.Join(data, "\n")})
			}
			name, data = "", nil
		case field == "event":
			name = value
		case field == "data":
			data = append(data, value)
		}
	}
	return events
}

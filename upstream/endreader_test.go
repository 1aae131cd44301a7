package upstream

import (
	"slices"
	"strings"
	"testing"
)

// go-sse looks through an event from its beginning at each read, so that reads
// which end no event must be few, but none may wait that does.
func TestReadsAreFew(t *testing.T) {
	const size = 100
	for _, test := range []struct {
		name   string
		stream string
		want   []int // how much the reads of at most 100 bytes get
	}{
		{"long line", "data:" + strings.Repeat("x", 300) + "\n\n", []int{100, 100, 100, 7}},
		{"many lines", strings.Repeat("data:x\n", 30) + "\n", []int{100, 100, 11}},
		{"many lines of CRLF", strings.Repeat("data:x\r\n", 30) + "\r\n", []int{100, 100, 41, 1}},
		{"many lines of CR", strings.Repeat("data:x\r", 30) + "\r", []int{100, 100, 11}},
		{"short events", "data:x\n\ndata:y\n\n", []int{8, 8}},
		{"short events of CR", "data:x\r\rdata:y\r\r", []int{8, 8}},
		{"short events of CRLF", "data:x\r\n\r\ndata:y\r\n\r\n", []int{9, 10, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &endReader{r: inPieces(test.stream, 1)}
			var got []int
			for p := make([]byte, size); ; {
				n, err := r.Read(p)
				if r.ended {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, n)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got reads of %d, want %d", got, test.want)
			}
		})
	}
}

package terminal

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestPaste(t *testing.T) {
	for _, test := range []struct {
		name, keys, want string
	}{
		{"typed", "a\\\rb\x1b[A\x03\r", "a\\\rb\x1b[A\x03\r"},
		{"line", "\x1b[200~a好\x1b[201~\r", "a好\r"},
		{"lines", "\x1b[200~a\rb\nc\r\nd\x1b[201~\r", "a\\\rb\\\rc\\\rd\r"},
		{"blank lines", "\x1b[200~a\r\r\x1b[201~b\r", "a\\\r\\\rb\r"},
		{"control characters", "\x1b[200~a\x03\x04\tb\x1b[31m\x7f\x1b[201~", "a\tb[31m"},
		{"two pastes", "\x1b[200~a\r\x1b[201~\x03\x1b[200~b\r\x1b[201~\r", "a\\\r\x03b\\\r\r"},
		{"marker in a paste", "\x1b[200~a\x1b[200~b\r\x1b[201~", "a[200~b\\\r"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, in := range map[string]io.Reader{
				"at once": strings.NewReader(test.keys), "by byte": iotest.OneByteReader(strings.NewReader(test.keys)),
			} {
				got, err := io.ReadAll(&pasteReader{in: in})
				if string(got) != test.want || err != nil {
					t.Errorf("%s: got %q, %v; want %q", name, got, err, test.want)
				}
			}
		})
	}
}

package app

import (
	"os"
	"strings"
	"testing"

	"sse-typewriter/internal/config"
)

// Each configurable format can ask questions, is the format of its upstream, and has a
// format for /v3/chat, which is a translation unless the service has the path.
func TestFormats(t *testing.T) {
	for _, name := range config.Formats {
		t.Run(name, func(t *testing.T) {
			formats, err := newFormats(&config.Config{}, config.Upstream{Format: name}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if service := formats.Default(); service.Name != name || service.Ask == nil {
				t.Errorf("the format of the upstream is %s", service.Name)
			}
			own := formats.OfPath("/v3/chat")
			if isNative := name == "coze"; own == nil || (own.Translation == nil) != isNative {
				t.Errorf("/v3/chat has the format %+v, want a translation: %t", own, !isNative)
			}
			for _, known := range append([]string{"house"}, config.Formats...) { // for streams of other replicas
				if formats.Find(known) == nil {
					t.Errorf("format %s is unknown", known)
				}
			}
		})
	}
}

// Each format has a row in the table of docs/formats.md that names its tests.
func TestFormatsAreInMatrix(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, matrix, ok := strings.Cut(string(text), "\n## Tests by format\n")
	formats, err := newFormats(&config.Config{}, config.Upstream{Format: config.Formats[0]}, nil)
	if err != nil || !ok {
		t.Fatalf("got %v, found %t", err, ok)
	}
	for _, f := range formats {
		if !strings.Contains(matrix, "\n| `"+f.Name+"` |") {
			t.Errorf("docs/formats.md has no row for %s", f.Name)
		}
	}
}

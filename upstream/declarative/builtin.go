package declarative

import (
	"embed"
	"fmt"
	"path"
	"strings"

	"sse-typewriter/upstream"
)

// builtin has the descriptions of the built-in formats, in files with the names of the formats.
//
//go:embed formats
var builtin embed.FS

// Builtin returns the built-in formats.
func Builtin(o Options) upstream.Formats {
	const dir = "formats"
	files, err := builtin.ReadDir(dir)
	if err != nil {
		panic(err) // the directory is embedded
	}
	var formats upstream.Formats
	for _, f := range files {
		text, err := builtin.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			panic(err)
		}
		d, err := Parse(text)
		if err != nil {
			panic(fmt.Errorf("%s: %w", f.Name(), err)) // a test parses all of them
		}
		formats = append(formats, d.New(strings.TrimSuffix(f.Name(), ".yaml"), o))
	}
	return formats
}

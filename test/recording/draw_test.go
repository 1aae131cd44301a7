package recording

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"golang.org/x/text/width"
)

// The dimensions of the picture in pixels. Letters take one cell, Chinese characters two.
const (
	cellWidth  = 9
	lineHeight = 24
	columns    = 60
	fontSize   = 15
	left       = 20
	top        = 52 // below the title bar
	bottom     = 16
)

// glyph is a character on the screen.
type glyph struct {
	column int
	text   string
	faint  bool
}

// cursorPos is the position of the cursor at a time.
type cursorPos struct {
	at          time.Duration
	row, column int
}

// screen is the content of a terminal and the path of the cursor.
type screen struct {
	lines [][]glyph
	path  []cursorPos
	faint bool
}

// clusters returns the grapheme clusters of a text.
func clusters(text string) []string {
	var all []string
	for tokens := graphemes.FromString(text); tokens.Next(); {
		all = append(all, tokens.Value())
	}
	return all
}

// cells returns the number of cells of a character.
func cells(cluster string) int {
	r, _ := utf8.DecodeRuneInString(cluster)
	if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// newScreen returns the screen after all output.
func newScreen(all []written) *screen {
	s := &screen{lines: [][]glyph{nil}}
	at := cursorPos{}
	for _, w := range all {
		text := w.text
		for text != "" {
			switch {
			case strings.HasPrefix(text, "\x1b[2m"):
				s.faint, text = true, text[len("\x1b[2m"):]
				continue
			case strings.HasPrefix(text, "\x1b[22m"):
				s.faint, text = false, text[len("\x1b[22m"):]
				continue
			}
			cluster := clusters(text)[0]
			text = text[len(cluster):]
			if cluster == "\n" || at.column+cells(cluster) > columns {
				at.row, at.column = at.row+1, 0
				s.lines = append(s.lines, nil)
			}
			if cluster != "\n" {
				s.lines[at.row] = append(s.lines[at.row], glyph{at.column, cluster, s.faint})
				at.column += cells(cluster)
			}
		}
		at.at = w.at
		s.path = append(s.path, at)
	}
	return s
}

// style is the style sheet of the picture. Without animation, the picture shows the final
// screen.
const style = `text{font:%dpx ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK SC","PingFang SC","Microsoft YaHei",monospace;fill:#e6e6e6;white-space:pre}
.w{font-size:17px}.f{fill:#868c96}.p{fill:#7ec699}.t{fill:#9aa0aa;font-size:13px;text-anchor:middle}
.c{fill:#1c1f26;transform:translateX(%dpx)}.k{fill:#e6e6e6;transform:translate(%s)}
.c,.k{animation-duration:%.3fs;animation-timing-function:step-end;animation-iteration-count:infinite}
@media (prefers-reduced-motion:reduce){.c,.k{animation:none}}
`

// draw returns the picture. Each line is hidden by a cover that moves to the right as the
// line is written, led by the cursor.
func draw(all []written, length time.Duration) []byte {
	s := newScreen(all)
	const inner = columns * cellWidth
	height := top + len(s.lines)*lineHeight + bottom
	end := s.path[len(s.path)-1]
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", inner+2*left, height)
	b.WriteString("<title>sse-typewriter chat types a poem into the terminal</title>\n<style>\n")
	fmt.Fprintf(&b, style, fontSize, inner, shift(end), length.Seconds())
	for row := range s.lines {
		fmt.Fprintf(&b, ".c%d{animation-name:c%[1]d}@keyframes c%[1]d{%s}\n", row, frames(s.cover(row), length))
	}
	fmt.Fprintf(&b, ".k{animation-name:k}@keyframes k{%s}\n</style>\n", frames(s.cursor(), length))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="10" fill="#1c1f26"/>`+"\n", inner+2*left, height)
	for i, color := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="20" r="6" fill="%s"/>`, left+20*i, color)
	}
	fmt.Fprintf(&b, "\n"+`<text class="t" x="%d" y="25">sse-typewriter</text>`+"\n", left+inner/2)
	for row, line := range s.lines {
		y := top + row*lineHeight
		if len(line) > 0 {
			fmt.Fprintf(&b, `<text y="%d">%s</text>`, y+lineHeight-7, glyphs(line))
			fmt.Fprintf(&b, `<rect class="c c%d" x="%d" y="%d" width="%d" height="%d"/>`+"\n", row, left, y, inner, lineHeight)
		}
	}
	fmt.Fprintf(&b, `<rect class="k" x="%d" y="%d" width="%d" height="%d"/>`+"\n</svg>\n", left, top+3, cellWidth, lineHeight-6)
	return b.Bytes()
}

// glyphs returns the SVG text of a line, with each character at a fixed position for any font.
func glyphs(line []glyph) string {
	var b strings.Builder
	for i, g := range line {
		if strings.TrimSpace(g.text) == "" {
			continue
		}
		class := ""
		switch {
		case g.faint:
			class = "f"
		case i == 0 && g.text+" " == prompt:
			class = "p"
		}
		if cells(g.text) > 1 {
			class += " w"
		}
		fmt.Fprintf(&b, `<tspan x="%d" class="%s">`, left+g.column*cellWidth, class)
		_ = xml.EscapeText(&b, []byte(g.text)) // a strings.Builder never fails
		b.WriteString("</tspan>")
	}
	return b.String()
}

// frame is a transform from a time on.
type frame struct {
	at        time.Duration
	transform string
}

// frames returns the CSS keyframes of an animation.
func frames(all []frame, length time.Duration) string {
	var b strings.Builder
	last := ""
	for _, f := range all {
		if f.transform == last {
			continue
		}
		last = f.transform
		fmt.Fprintf(&b, "%.4g%%{transform:%s}", 100*f.at.Seconds()/length.Seconds(), f.transform)
	}
	return b.String()
}

// shift returns the offset of the cursor from the top left as CSS lengths.
func shift(p cursorPos) string {
	return fmt.Sprintf("%dpx,%dpx", p.column*cellWidth, p.row*lineHeight)
}

// cursor returns the frames of the cursor.
func (s *screen) cursor() []frame {
	all := []frame{}
	for _, p := range s.path {
		all = append(all, frame{p.at, "translate(" + shift(p) + ")"})
	}
	return all
}

// cover returns the frames of the cover of a line.
func (s *screen) cover(row int) []frame {
	all := []frame{{0, "none"}}
	for _, p := range s.path {
		switch {
		case p.row == row:
			all = append(all, frame{p.at, fmt.Sprintf("translateX(%dpx)", p.column*cellWidth)})
		case p.row > row:
			return append(all, frame{p.at, fmt.Sprintf("translateX(%dpx)", columns*cellWidth)})
		}
	}
	return all
}

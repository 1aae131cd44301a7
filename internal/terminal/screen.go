package terminal

import (
	"io"
	"strings"
	"unicode"
)

// Terminal is where a chat takes place.
type Terminal struct {
	In  io.Reader // what is piped in; nil: nothing
	Out io.Writer // gets the text as it comes

	// Rich is for people: reasoning and follow-up questions are shown, too.
	Rich bool
	// Faint has those dimmed, with escape sequences.
	Faint bool
}

// How a terminal dims text (ECMA-48, SGR 2 and 22).
const (
	faintOn  = "\x1b[2m"
	faintOff = "\x1b[22m"
)

// part is a part of what is shown. A blank line stands between two.
type part int

const (
	nothing part = iota
	reasoning
	answer
	suggestions
)

// screen shows a chat. What the model says comes through without control characters.
type screen struct {
	Terminal
	err error // of the first write that failed; then nothing is written any more

	shown    part
	apart    bool // a blank line stands before what comes next
	newlines int  // at the end of what was written
}

// show writes text of a part at once.
func (s *screen) show(p part, text string) {
	text = clean(text)
	if text == "" || p != answer && !s.Rich {
		return
	}
	gap := ""
	if s.shown != nothing && (s.apart || s.shown != p) {
		gap = strings.Repeat("\n", max(0, 2-s.newlines))
	}
	s.shown, s.apart = p, false
	rest := strings.TrimRight(text, "\n")
	if rest != "" {
		s.newlines = 0
	}
	s.newlines += len(text) - len(rest)
	if s.Faint && p != answer {
		text = faintOn + text + faintOff
	}
	s.write(gap + text)
}

// suggest offers a question that may follow.
func (s *screen) suggest(question string) {
	s.show(suggestions, "→ "+oneLine(question)+"\n")
}

// endMessage has a blank line stand before what comes next, if anything does.
func (s *screen) endMessage() { s.apart = true }

// endLine ends the last line, so that what others write stands below.
func (s *screen) endLine() {
	if s.shown != nothing && s.newlines == 0 {
		s.newlines++
		s.write("\n")
	}
}

func (s *screen) write(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.Out, text)
	}
}

// clean returns text without control characters but for line ends and tabs: with those,
// a model could rename the window, write elsewhere on the screen, or to the clipboard
// (ECMA-48, C0 and C1).
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// oneLine returns clean text in one line.
func oneLine(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

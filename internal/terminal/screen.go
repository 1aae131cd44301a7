package terminal

import (
	"io"
	"strings"
	"unicode"
)

// Terminal is the input and output of a chat.
type Terminal struct {
	In  io.Reader // piped text; nil without a pipe
	Out io.Writer // receives the text immediately

	// Conversations is the file with the ids of the last conversations; empty for none.
	Conversations string

	// Rich shows reasoning and follow-up questions in addition to the answer.
	Rich bool
	// Faint dims reasoning and follow-up questions with escape sequences.
	Faint bool
}

// Escape sequences for dimmed text (ECMA-48, SGR 2 and 22).
const (
	faintOn  = "\x1b[2m"
	faintOff = "\x1b[22m"
)

// part is a kind of output. A blank line separates two parts.
type part int

const (
	nothing part = iota
	reasoning
	answer
	suggestions
	remarks
)

// screen writes a chat to a terminal, without the control characters of the model.
type screen struct {
	Terminal
	err error // of the first failed write; later writes are dropped

	shown    part
	gap      bool // a blank line must precede the next text
	newlines int  // at the end of the output
}

// show writes text as part of p.
func (s *screen) show(p part, text string) {
	text = clean(text)
	if text == "" || p != answer && !s.Rich {
		return
	}
	blank := ""
	if s.shown != nothing && (s.gap || s.shown != p) {
		blank = strings.Repeat("\n", max(0, 2-s.newlines))
	}
	s.shown, s.gap = p, false
	rest := strings.TrimRight(text, "\n")
	if rest != "" {
		s.newlines = 0
	}
	s.newlines += len(text) - len(rest)
	if s.Faint && p != answer {
		text = faintOn + text + faintOff
	}
	s.write(blank + text)
}

// suggest shows a follow-up question.
func (s *screen) suggest(question string) {
	s.show(suggestions, "→ "+oneLine(question)+"\n")
}

// begin starts a part at the begin of a line, after the user's input.
func (s *screen) begin() { s.shown, s.gap, s.newlines = nothing, false, 0 }

// remark shows a line about the chat.
func (s *screen) remark(text string) {
	s.show(remarks, oneLine(text)+"\n")
}

// endMessage separates the message from further output by a blank line.
func (s *screen) endMessage() { s.gap = true }

// endLine terminates the last line, so that a shell prompt starts on a new one.
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

// clean removes control characters other than newlines and tabs (ECMA-48, C0 and C1).
// Escape sequences of a model could rename the window, move the cursor or write to the
// clipboard.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// oneLine cleans text and joins its lines.
func oneLine(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

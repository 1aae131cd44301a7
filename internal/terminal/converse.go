package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/ergochat/readline"
)

const (
	prompt         = "> "
	continuePrompt = ". "
)

// Console is a terminal with a keyboard.
type Console struct {
	Terminal
	Keys       io.Reader        // typed and pasted text
	Interrupts <-chan os.Signal // Ctrl-C during an answer
}

// Converse reads questions from the console and displays the answers. Ctrl-C stops an
// answer. Ctrl-D, or Ctrl-C twice, ends the conversation. A failed question does not. If
// ctx is done, Converse returns [ErrInterrupted].
func Converse(ctx context.Context, o Options, console Console, transport http.RoundTripper) error {
	s, err := newSession(o, console.Terminal, transport)
	if err != nil {
		return err
	}
	editor, err := newEditor(console)
	if err != nil {
		return fmt.Errorf("cannot read from the terminal: %w", err)
	}
	defer editor.lines.Close() //nolint:errcheck // nothing is written
	defer context.AfterFunc(ctx, func() { _ = editor.lines.Close() })()
	s.screen.remark(`A \ at the end of a line continues the question. Ctrl-C stops an answer, Ctrl-D ends the chat.`)
	for interrupts := 0; ; {
		question, err := editor.question()
		s.screen.begin()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			interrupts++
			if interrupts == 1 {
				s.screen.remark("Ctrl-C again ends the chat.")
			}
		case err == nil && ctx.Err() == nil && strings.TrimSpace(question) != "":
			interrupts = s.reply(ctx, question, console.Interrupts)
		}
		switch {
		case ctx.Err() != nil:
			return ErrInterrupted
		case s.screen.err != nil:
			return s.screen.err
		case interrupts > 1, errors.Is(err, io.EOF): // Ctrl-C twice, Ctrl-D, or the terminal is gone
			s.reportConversation()
			return nil
		case err != nil && !errors.Is(err, readline.ErrInterrupt):
			return fmt.Errorf("cannot read from the terminal: %w", err)
		}
	}
}

// reply asks a question of a conversation, and displays the error of the chat. The first
// interrupt stops the answer; a second one ends the wait for the server to stop. reply
// returns the number of interrupts.
func (s *session) reply(ctx context.Context, question string, interrupts <-chan os.Signal) (count int) {
	select {
	case <-interrupts: // of the time before
	default:
	}
	asking, cancel := context.WithCancel(ctx)
	stopping, cancelStop := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelStop()
	answered, watched := make(chan struct{}), make(chan struct{})
	go func() { // ends with the answer
		defer close(watched)
		for {
			select {
			case <-interrupts:
				if count++; count > 1 {
					cancelStop()
				}
				cancel()
			case <-answered:
				return
			}
		}
	}()
	err := s.ask(asking, stopping, question)
	cancel()
	close(answered)
	<-watched
	if err != nil && count == 0 && ctx.Err() == nil {
		s.screen.remark("sse-typewriter: " + err.Error())
	}
	return count
}

// editor reads questions with line editing and history.
type editor struct {
	lines *readline.Instance
	out   io.Writer
}

func newEditor(console Console) (*editor, error) {
	lines, err := readline.NewFromConfig(&readline.Config{
		Stdin: &pasteReader{in: console.Keys}, Stdout: console.Out, Stderr: console.Out,
		EOFPrompt: "\n", // prints nothing
		FuncFilterInputRune: func(r rune) (rune, bool) {
			return r, r < 0x80 || r >= 0xa0 // no C1 control characters
		},
	})
	return &editor{lines, console.Out}, err
}

// question reads one question, which may have several lines.
func (e *editor) question() (string, error) {
	_, _ = io.WriteString(e.out, pasteOn) // the next write reports the error
	defer io.WriteString(e.out, pasteOff) //nolint:errcheck // as above
	var question strings.Builder
	e.lines.SetPrompt(prompt)
	for {
		line, err := e.lines.ReadLine()
		if err != nil {
			return "", err
		}
		line, continued := strings.CutSuffix(line, continuation)
		question.WriteString(line)
		if !continued {
			return strings.TrimRight(question.String(), "\n"), nil
		}
		question.WriteByte('\n')
		e.lines.SetPrompt(continuePrompt)
	}
}

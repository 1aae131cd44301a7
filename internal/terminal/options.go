package terminal

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Options configures a chat. The struct tags are the text of "chat --help".
type Options struct {
	Message []string `arg:"" optional:"" help:"Message to send. Text from a pipe is appended. Without both, questions are read from the terminal."`

	URL            string `default:"http://127.0.0.1:8380" help:"Base URL of the server." placeholder:"URL"`
	Mode           string `env:"-" help:"typewriter, smooth or raw. Mode, speed and maximum delay default to those of the server." placeholder:"MODE"`
	Speed          string `env:"-" help:"Typing speed, 0.1 to 100." placeholder:"N"`
	MaxLag         string `env:"-" help:"Maximum delay of text, such as 3s; 0 disables catching up." placeholder:"TIME"`
	Token          string `help:"Token for the server or the AI service behind it. Prefer the environment variable." placeholder:"TOKEN"`
	BotID          string `env:"-" help:"Bot to chat with. Defaults to that of the server." placeholder:"ID"`
	UserID         string `env:"-" help:"User id of the request. Defaults to that of the server." placeholder:"ID"`
	ConversationID string `env:"-" help:"Conversation to continue. By default, a new one starts." placeholder:"ID"`
	Continue       bool   `env:"-" help:"Continue the last conversation with the server."`
}

// defaultUserID is the user id of requests for a bot, which the server forwards unchanged.
const defaultUserID = "sse-typewriter"

// maxMessage is the maximum size of a message in bytes. Servers have the same default.
const maxMessage = 4 << 20

// validate checks the options that the server does not validate.
func (o *Options) validate() error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(o.URL, "?#") {
		return fmt.Errorf("--url %q: want a URL such as http://127.0.0.1:8380", o.URL)
	}
	if o.Continue && o.ConversationID != "" {
		return errors.New("--continue and --conversation-id exclude each other")
	}
	return nil
}

// message returns the message: the arguments, followed by the text of in, which is nil
// without a pipe. The argument - alone stands for the pipe.
func (o *Options) message(in io.Reader) (string, error) {
	message := strings.Join(o.Message, " ")
	if in == nil && (message == "" || message == "-") {
		return "", errors.New(`no message: pass one as an argument, as in sse-typewriter chat "hello", or through a pipe`)
	}
	if message == "-" {
		message = ""
	}
	if in != nil {
		piped, err := io.ReadAll(io.LimitReader(in, maxMessage+1))
		if err != nil {
			return "", fmt.Errorf("cannot read the message: %w", err)
		}
		message = join(message, string(piped))
	}
	switch {
	case len(message) > maxMessage:
		return "", fmt.Errorf("the message is too long: want at most %d bytes", maxMessage)
	case strings.TrimSpace(message) == "":
		return "", errors.New("the message is empty")
	}
	return strings.TrimRight(message, "\r\n"), nil
}

// join separates the arguments and the piped text by a blank line.
func join(words, piped string) string {
	if words == "" || strings.TrimSpace(piped) == "" {
		return words + strings.TrimRight(piped, "\r\n")
	}
	return words + "\n\n" + piped
}

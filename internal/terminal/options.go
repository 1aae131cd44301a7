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
	Message []string `arg:"" optional:"" help:"Message to send; without one, or with -, read from a pipe."`

	URL            string `default:"http://127.0.0.1:8380" help:"Base URL of the server." placeholder:"URL"`
	Mode           string `env:"-" help:"typewriter, smooth or raw. Mode, speed and maximum delay default to those of the server." placeholder:"MODE"`
	Speed          string `env:"-" help:"Typing speed, 0.1 to 100." placeholder:"N"`
	MaxLag         string `env:"-" help:"Maximum delay of text, such as 3s; 0 disables catching up." placeholder:"TIME"`
	Token          string `help:"Token for the server or the AI service behind it. Prefer the environment variable." placeholder:"TOKEN"`
	BotID          string `env:"-" help:"Bot to chat with. Defaults to that of the server." placeholder:"ID"`
	UserID         string `env:"-" help:"User id of the request. Defaults to that of the server." placeholder:"ID"`
	ConversationID string `env:"-" help:"Conversation to continue. By default, a new one starts." placeholder:"ID"`
}

// defaultUserID is the user id of requests with a JSON body, which the server forwards
// unchanged.
const defaultUserID = "sse-typewriter"

// maxMessage is the maximum size of a message in bytes. Servers have the same default.
const maxMessage = 4 << 20

// validate checks the URL. The other options are validated by the server.
func (o *Options) validate() error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(o.URL, "?#") {
		return fmt.Errorf("--url %q: want a URL such as http://127.0.0.1:8380", o.URL)
	}
	return nil
}

// message returns the message from the arguments or from in, which is nil without a pipe.
func (o *Options) message(in io.Reader) (string, error) {
	message := strings.Join(o.Message, " ")
	if message == "" || message == "-" {
		if in == nil {
			return "", errors.New(`no message: pass one as an argument, as in sse-typewriter chat "hello", or through a pipe`)
		}
		piped, err := io.ReadAll(io.LimitReader(in, maxMessage+1))
		if err != nil {
			return "", fmt.Errorf("cannot read the message: %w", err)
		}
		message = string(piped)
	}
	switch {
	case len(message) > maxMessage:
		return "", fmt.Errorf("the message is too long: want at most %d bytes", maxMessage)
	case strings.TrimSpace(message) == "":
		return "", errors.New("the message is empty")
	}
	return strings.TrimRight(message, "\r\n"), nil
}

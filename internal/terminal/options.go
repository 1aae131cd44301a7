package terminal

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Options say what is asked, and of whom. The tags are what --help prints.
type Options struct {
	Message []string `arg:"" optional:"" help:"What to ask; - or nothing: what is piped in."`

	URL            string `default:"http://127.0.0.1:8380" help:"Address of the server." placeholder:"URL"`
	Mode           string `env:"-" help:"typewriter, smooth or raw. Without this and the next two: as the server has it." placeholder:"MODE"`
	Speed          string `env:"-" help:"0.1 to 100; 2 types twice as fast." placeholder:"N"`
	MaxLag         string `env:"-" help:"How long after its arrival text is typed at the latest, as 3s; 0: never catch up." placeholder:"TIME"`
	Token          string `help:"Token for the server or the AI service behind it. Better set by the environment." placeholder:"TOKEN"`
	BotID          string `env:"-" help:"Bot that is asked. Without: the server's." placeholder:"ID"`
	UserID         string `env:"-" help:"User who asks. Without: the server's." placeholder:"ID"`
	ConversationID string `env:"-" help:"Conversation to go on with. Without: a new one." placeholder:"ID"`
}

// defaultUserID stands in a request whose body we write, for which the server sets none.
const defaultUserID = "sse-typewriter"

// maxMessage is the longest message that is read, in bytes: what a server takes by
// default.
const maxMessage = 4 << 20

// validate returns an error that names what is wrong.
func (o *Options) validate() error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(o.URL, "?#") {
		return fmt.Errorf("--url %q: want a URL as http://127.0.0.1:8380", o.URL)
	}
	return nil
}

// message returns what is asked. in is what is piped in, or nil.
func (o *Options) message(in io.Reader) (string, error) {
	message := strings.Join(o.Message, " ")
	if message == "" || message == "-" {
		if in == nil {
			return "", errors.New(`nothing is asked: say what, as in sse-typewriter chat "hello"`)
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

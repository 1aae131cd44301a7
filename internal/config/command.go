package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"sse-typewriter/internal/terminal"
)

// Command is what the program is asked to do. One of its fields is set.
type Command struct {
	Serve *Config
	Chat  *terminal.Options
}

// ErrHelp is returned by [Parse] when help was asked for and printed.
var ErrHelp = errors.New("help was printed")

// ErrVersion is returned by [Parse] when the version was asked for, which the caller
// knows.
var ErrVersion = errors.New("the version was asked for")

const description = `Gives AI chat streams the rhythm of a typewriter.

Without a command it serves. All settings of the server are shown by "sse-typewriter serve --help".`

const serveDetail = `Flags win over environment variables, which win over the file.`

const versionCommand = "version"

// commandLine is the command line as kong reads it.
type commandLine struct {
	Version versionFlag `env:"-" help:"Print the version and end."`

	Serve       Config           `cmd:"" default:"withargs" help:"Serve; what is done without a command."`
	Chat        terminal.Options `cmd:"" help:"Ask, and type the answer into the terminal."`
	ShowVersion struct{}         `cmd:"" name:"version" help:"Print the version."`
}

// versionFlag is looked at before all other settings, which may be wrong.
type versionFlag bool

// BeforeReset is called by kong when the flag is given.
func (versionFlag) BeforeReset() error { return ErrVersion }

// Parse reads the command line, the environment and the file. Help goes to out.
func Parse(args []string, out io.Writer) (*Command, error) {
	line := &commandLine{}
	helped := false
	parser, err := kong.New(line,
		kong.Name("sse-typewriter"),
		kong.Description(description),
		kong.DefaultEnvars(envPrefix),
		kong.Configuration(loadFile),
		kong.PostBuild(describe),
		kong.Writers(out, out),
		kong.Exit(func(int) { helped = true }),
	)
	if err != nil {
		return nil, fmt.Errorf("cannot make a parser: %w", err)
	}
	parsed, err := parser.Parse(args)
	switch {
	case helped:
		return nil, ErrHelp
	case err != nil:
		return nil, err
	case parsed.Command() == versionCommand:
		return nil, ErrVersion
	}
	if err := checkEnvironment(parser.Model, os.Environ()); err != nil {
		return nil, err
	}
	if strings.HasPrefix(parsed.Command(), "chat") {
		return &Command{Chat: &line.Chat}, nil
	}
	return &Command{Serve: &line.Serve}, line.Serve.validate()
}

// sections are the titles of the server's flags in its help, each with the flag that it
// begins at.
var sections = []struct{ first, title string }{
	{"config", "Service:"},
	{"mode", "Tempo:"},
	{"api-keys", "Access:"},
	{"store", "Coming back:"},
	{"heartbeat", "Limits:"},
	{"log-level", "Log:"},
}

// describe gives the server's help its sections.
func describe(k *kong.Kong) error {
	serve := k.Model.Children[0]
	serve.Detail = serveDetail
	var group *kong.Group
	for _, flag := range serve.Flags {
		for _, s := range sections {
			if s.first == flag.Name {
				group = &kong.Group{Key: s.title, Title: s.title}
			}
		}
		flag.Group = group
	}
	return nil
}

// envPrefix begins the names of our environment variables, with an underscore.
const envPrefix = "TYPEWRITER"

// checkEnvironment returns an error that names a variable which looks like one of ours
// and is none, since it is probably misspelled.
func checkEnvironment(app *kong.Application, environ []string) error {
	known := []string{}
	for _, node := range append([]*kong.Node{app.Node}, app.Children...) {
		for _, flag := range node.Flags {
			known = append(known, flag.Envs...)
		}
	}
	for _, setting := range environ {
		name, _, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, envPrefix+"_") && !slices.Contains(known, name) && !isServiceLink(name) {
			return fmt.Errorf("unknown environment variable %s%s", name, suggestion(name, known))
		}
	}
	return nil
}

// isServiceLink reports whether Kubernetes sets a variable in all containers beside a
// service that is called typewriter.
// See https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.
func isServiceLink(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix+"_")
	return rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_")
}

// suggestion names the variable that was probably meant, if one is close.
func suggestion(name string, known []string) string {
	const near = 2 // so many letters may be wrong
	best, least := "", near+1
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// distance is how many letters are to be added, removed or changed to make b of a
// (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

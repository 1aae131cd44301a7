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

// Command is a parsed command line. Exactly one field is set.
type Command struct {
	Serve *Config
	Chat  *terminal.Options
}

// ErrHelp is returned by [Parse] after printing the help.
var ErrHelp = errors.New("help requested")

// ErrVersion is returned by [Parse] when the caller should print the version.
var ErrVersion = errors.New("version requested")

const description = `A reverse proxy that re-times AI chat streams: text arrives character by character, at the rhythm of a typewriter.

Without a command, the server starts. "sse-typewriter serve --help" lists its settings.`

const serveDetail = `Flags override environment variables, which override the configuration file.`

const versionCommand = "version"

// commandLine defines the commands and flags for kong.
type commandLine struct {
	Version versionFlag `env:"-" help:"Print the version and exit."`

	Serve       Config           `cmd:"" default:"withargs" help:"Start the server (default)."`
	Chat        terminal.Options `cmd:"" help:"Ask a question and type the answer in the terminal."`
	ShowVersion struct{}         `cmd:"" name:"version" help:"Print the version."`
}

// versionFlag is --version. It takes effect even if other settings are invalid.
type versionFlag bool

// BeforeReset is called by kong before values are parsed.
func (versionFlag) BeforeReset() error { return ErrVersion }

// Parse parses args, the environment and the configuration file. Help is printed to out.
// The error lists all unknown environment variables and invalid settings, but only the
// first value of the wrong type.
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
		return nil, fmt.Errorf("cannot build the command-line parser: %w", err)
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
	command := &Command{Chat: &line.Chat}
	err = checkEnvironment(parser.Model, os.Environ())
	if !strings.HasPrefix(parsed.Command(), "chat") {
		command = &Command{Serve: &line.Serve}
		err = errors.Join(err, line.Serve.validate())
	}
	if err != nil {
		return nil, err
	}
	return command, nil
}

// sections groups the server's flags in the help: each section starts at a flag.
var sections = []struct{ flag, title string }{
	{"config", "Server and upstream:"},
	{"mode", "Pacing:"},
	{"api-keys", "Authentication and limits:"},
	{"store", "Resuming:"},
	{"heartbeat", "Timeouts and sizes:"},
	{"log-level", "Logging:"},
}

// describe assigns the server's flags to their help sections.
func describe(k *kong.Kong) error {
	serve := k.Model.Children[0]
	serve.Detail = serveDetail
	var group *kong.Group
	for _, flag := range serve.Flags {
		for _, s := range sections {
			if s.flag == flag.Name {
				group = &kong.Group{Key: s.title, Title: s.title}
			}
		}
		flag.Group = group
	}
	return nil
}

// envPrefix, followed by an underscore, starts the names of all environment variables.
const envPrefix = "TYPEWRITER"

// checkEnvironment reports all variables with our prefix that no flag uses, since they
// are probably misspelled.
func checkEnvironment(app *kong.Application, environ []string) error {
	known := []string{}
	for _, node := range append([]*kong.Node{app.Node}, app.Children...) {
		for _, flag := range node.Flags {
			known = append(known, flag.Envs...)
		}
	}
	var errs []error
	for _, setting := range environ {
		name, _, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, envPrefix+"_") && !slices.Contains(known, name) && !isServiceLink(name) {
			errs = append(errs, fmt.Errorf("unknown environment variable %s%s", name, suggestion(name, known)))
		}
	}
	return errors.Join(errs...)
}

// isServiceLink reports whether Kubernetes sets the variable for a Service named
// typewriter.
// See https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.
func isServiceLink(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix+"_")
	return rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_")
}

// suggestion returns a hint that names the closest known variable, or "".
func suggestion(name string, known []string) string {
	const maxDistance = 2
	best, bestDistance := "", maxDistance+1
	for _, candidate := range known {
		if d := distance(name, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// distance returns the Levenshtein distance of a and b in bytes.
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

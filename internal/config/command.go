package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
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
		name, value, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, envPrefix+"_") && !slices.Contains(known, name) && !isServiceLink(name, value) {
			errs = append(errs, fmt.Errorf("unknown environment variable %s%s", name, suggestion(name, known)))
		}
	}
	return errors.Join(errs...)
}

// serviceLink matches the variables that Kubernetes and Docker set for each Service or
// container in reach: with our prefix, if the name begins with "typewriter". linkValue
// matches the value of the variable that ends in PORT.
// See https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.
var (
	serviceLink = regexp.MustCompile(`^` + envPrefix + `_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	linkValue   = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

// isServiceLink reports whether a variable is set for a Service or container whose name
// begins with "typewriter".
func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) && (!strings.HasSuffix(name, "_PORT") || strings.HasSuffix(name, "_SERVICE_PORT") ||
		strings.Contains(name, "_PORT_") || linkValue.MatchString(value))
}

// suggestion returns a hint that names the closest known name, or "".
func suggestion(name string, known []string) string {
	best, bestDistance := "", min(2, (len(name)+1)/2)+1
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		if d := distance(plain(name), plain(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// plain returns a name without its case and separators.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

// distance returns the number of bytes to insert, delete, replace or swap with their
// neighbor to turn a into b.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range len(b) {
		d[0][j+1] = j + 1
	}
	for i := range len(a) {
		for j := range len(b) {
			replaced := d[i][j]
			if a[i] != b[j] {
				replaced++
			}
			d[i+1][j+1] = min(replaced, d[i][j+1]+1, d[i+1][j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d[i+1][j+1] = min(d[i+1][j+1], d[i-1][j-1]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

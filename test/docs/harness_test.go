// Package docs tests that the documentation is true: its commands run, its OpenAPI
// description fits the replies, its alerts and dashboard name metrics that are exposed,
// and both READMEs say the same.
package docs

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"sse-typewriter/internal/config"
	"sse-typewriter/internal/testenv"
)

func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil { // documents name files from the root
		panic(err)
	}
	os.Exit(testenv.Main(m))
}

// send sends a request and reads the whole reply.
func send(t *testing.T, method, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, body := readReply(t, req)
	return body
}

// readReply sends a request and reads the whole reply.
func readReply(t *testing.T, req *http.Request) (status int, header http.Header, body string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(all)
}

// readFile returns the text of a file, named from the root of the repository.
func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// help returns the help of a command.
func help(t *testing.T, command string) string {
	t.Helper()
	var text strings.Builder
	if _, err := config.Parse([]string{command, "--help"}, &text); !errors.Is(err, config.ErrHelp) {
		t.Fatalf("%s --help: %v", command, err)
	}
	return text.String()
}

// section returns the part of a document below a heading of the second level.
func section(t *testing.T, document, title string) string {
	t.Helper()
	_, text, ok := strings.Cut(readFile(t, document), "\n## "+title+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", document, title)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

package recording

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/terminal"
)

var (
	update = flag.Bool("update", false, "write the picture")
	seed   = flag.Uint64("seed", 8, "random seed of the picture")
)

const (
	picture  = "../../docs/img/terminal.svg"
	question = "写一首关于秋天的诗"
	prompt   = "$ "
)

// The timing of the typed command and of the pause at the end.
const (
	beforeCommand = 600 * time.Millisecond
	leastKey      = 50 * time.Millisecond
	mostKey       = 130 * time.Millisecond
	afterCommand  = 400 * time.Millisecond
	afterEnd      = 5 * time.Second
)

// written is output on the screen at a time.
type written struct {
	at   time.Duration
	text string
}

// session returns the output of the session: a typed command and the output of the client.
func session(t *testing.T) (all []written, length time.Duration) {
	t.Helper()
	rng := rand.New(rand.NewPCG(*seed, 0))
	all = []written{{0, prompt}}
	at := beforeCommand
	for _, key := range clusters(`sse-typewriter chat "` + question + `"`) {
		all = append(all, written{at, key})
		at += leastKey + time.Duration(rng.Int64N(int64(mostKey-leastKey)))
	}
	at += afterCommand
	all = append(all, written{at, "\n"})
	out, took := chat(t)
	for _, w := range out {
		all = append(all, written{at + w.at, w.text})
	}
	at += took
	all = append(all, written{at, prompt})
	return all, at + afterEnd
}

// chat returns the output of the client and its duration.
func chat(t *testing.T) (out []written, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		note := writerFunc(func(p []byte) (int, error) {
			out = append(out, written{time.Since(start), string(p)})
			return len(p), nil
		})
		screen := terminal.Terminal{Out: note, Rich: true, Faint: true}
		options := terminal.Options{URL: "http://127.0.0.1:8380", Message: []string{question}}
		transport, stop := serveMock(*seed)
		defer stop()
		if err := terminal.Run(t.Context(), options, screen, transport); err != nil {
			t.Fatal(err)
		}
		took = time.Since(start)
	})
	return out, took
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestRecording compares the picture with a new recording. With -update the test writes the
// picture.
func TestRecording(t *testing.T) {
	all, length := session(t)
	got := draw(all, length)
	if *update {
		if err := os.WriteFile(picture, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/img/terminal.svg is out of date: run make recording")
	}
}

// TestPicture checks the picture: small, well-formed, with the whole answer, without
// scripts and external resources.
func TestPicture(t *testing.T) {
	const most = 60 << 10
	data, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > most {
		t.Errorf("the picture has %d bytes, want at most %d", len(data), most)
	}
	var text strings.Builder
	decoder := xml.NewDecoder(bytes.NewReader(data))
	inText := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "text" {
				inText++
			}
			if strings.Contains(" script image foreignObject a use ", " "+token.Name.Local+" ") {
				t.Errorf("the picture has an element %s", token.Name.Local)
			}
		case xml.EndElement:
			if token.Name.Local == "text" {
				inText--
				text.WriteByte('\n')
			}
		case xml.CharData:
			if inText > 0 {
				text.Write(token)
			}
		}
	}
	poem, err := os.ReadFile("../../mock/texts/poem.md")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(string(poem), "\n\n", "\n") // an empty line has no text
	if !strings.Contains(text.String(), want) || !strings.Contains(text.String(), question) {
		t.Errorf("the picture has the text %q, want %q in it", text.String(), want)
	}
	if found := regexp.MustCompile(`url\(http|@import|href`).Find(data); found != nil {
		t.Errorf("the picture has %q", found)
	}
}

package typewriter_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"os"
	"slices"
	"strings"

	"sse-typewriter/typewriter"
)

// quick returns the default tempo at a high speed.
func quick() typewriter.Pace {
	pace := typewriter.DefaultPace(typewriter.Typewriter)
	pace.Speed = 20
	return pace
}

// Texts may be cut anywhere, even inside a grapheme cluster.
func ExampleType() {
	texts := slices.Values([]string{"Dear ", "both", " 👩", "\u200d👧, ", "hello", ".\n", "Bye!\n"})
	if err := typewriter.Type(context.Background(), os.Stdout, texts, quick()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Dear both 👩‍👧, hello.
	// Bye!
}

// The texts may come from a channel.
func ExampleType_channel() {
	words := make(chan string)
	go func() {
		defer close(words)
		for word := range strings.FieldsSeq("the quick brown fox") {
			words <- word + " "
		}
	}()
	var received iter.Seq[string] = func(yield func(string) bool) {
		for word := range words {
			if !yield(word) {
				return
			}
		}
	}
	var page strings.Builder
	if err := typewriter.Type(context.Background(), &page, received, quick()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(page.String())
	// Output: the quick brown fox
}

// counter is a Writer that counts clusters and prints all events that are not text.
type counter struct{ typed int }

func (c *counter) Write(o *typewriter.Output) error {
	c.typed += o.Clusters
	if o.Clusters == 0 {
		fmt.Printf("%d characters, then %s; go on from %s\n", c.typed, o.AppendData(nil), o.Next)
	}
	return nil
}

func (c *counter) Flush() error     { return nil }
func (c *counter) Heartbeat() error { return nil }

// A log can be played several times, from any position and at any tempo. Events keep the
// payload around the text, and events without text keep their place.
func ExamplePlayer_Play() {
	delta := &typewriter.Frame{Head: `{"content":"`, Tail: `"}`, Channel: "answer"}
	done := &typewriter.Frame{Head: `{"status":"completed"}`}
	events := slices.Values([]typewriter.Event{{Frame: delta, Text: "Hi"}, {Frame: delta, Text: ` \"you\"`}, {Frame: done}})

	answer := typewriter.NewLog(typewriter.LogOptions{MaxBytes: 1 << 20})
	full := func() []typewriter.Event {
		return []typewriter.Event{{Frame: &typewriter.Frame{Head: `{"status":"too long"}`}}}
	}
	recorded := make(chan error, 1)
	go func() { recorded <- typewriter.Record(events, answer, full) }()

	player := typewriter.Player{Log: answer, Pace: quick()}
	if err := player.Play(context.Background(), &counter{}); err != nil {
		log.Fatal(err)
	}
	if err := <-recorded; err != nil {
		log.Fatal(err)
	}

	fmt.Println("again, from 1.4:")
	again := typewriter.Player{
		Log:  answer,
		Pace: quick(),
		From: typewriter.Position{Entry: 1, Offset: 4},
	}
	if err := again.Play(context.Background(), &counter{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 8 characters, then {"status":"completed"}; go on from 3.0
	// again, from 1.4:
	// 3 characters, then {"status":"completed"}; go on from 3.0
}

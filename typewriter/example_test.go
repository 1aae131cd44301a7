package typewriter_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"slices"

	"sse-typewriter/typewriter"
)

// terminal is a Writer that prints each event as it leaves.
type terminal struct{}

func (terminal) Write(o typewriter.Output) error {
	_, err := fmt.Print(string(o.Data))
	return err
}

func (terminal) Flush() error     { return nil }
func (terminal) Heartbeat() error { return nil }

// events makes an event of each text: all of one channel, with nothing around
// them.
func events(texts iter.Seq[string]) iter.Seq[typewriter.Event] {
	frame := &typewriter.Frame{Channel: "answer"}
	return func(yield func(typewriter.Event) bool) {
		for text := range texts {
			if !yield(typewriter.Event{Frame: frame, Text: text}) {
				return
			}
		}
	}
}

// Texts that come all at once, cut anywhere, are typed cluster by cluster: the
// family of two is one.
func Example() {
	source := slices.Values([]string{"Dear ", "both", " 👩", "\u200d👧, ", "hello", ".\n", "Bye!\n"})

	answer := typewriter.NewLog(1 << 20)
	full := typewriter.Event{Frame: &typewriter.Frame{Head: "[too long]"}}
	recorded := make(chan error, 1)
	go func() { recorded <- typewriter.Record(events(source), answer, full) }()

	pace := typewriter.DefaultPace(typewriter.Typewriter)
	pace.Speed = 20
	if err := pace.Validate(); err != nil {
		log.Fatal(err)
	}
	player := typewriter.Player{Log: answer, Pace: pace}
	if err := player.Play(context.Background(), terminal{}); err != nil {
		log.Fatal(err)
	}
	if err := <-recorded; err != nil {
		log.Fatal(err)
	}
	// Output:
	// Dear both 👩‍👧, hello.
	// Bye!
}

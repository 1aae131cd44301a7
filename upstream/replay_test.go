package upstream

import (
	"slices"
	"testing"

	"sse-typewriter/typewriter"
)

// pieceDecoder is a decoder that does not know whether text was typed.
type pieceDecoder struct{ decoded *[]string }

func (d pieceDecoder) Decode(name, data string) Event {
	*d.decoded = append(*d.decoded, data)
	return Pass(name, data, &Meaning{Kind: KindPiece, Message: "m", Texts: []Text{{Text: "x"}}})
}

// Recorded snapshots are decoded with the text before them, and recorded text was typed.
func TestReplayOfTypedText(t *testing.T) {
	snapshot := &typewriter.Frame{Head: "<", Tail: ">", Channel: "a", Snapshot: true}
	text := &typewriter.Frame{Head: "[", Tail: "]", Channel: "b"}
	numbered := &typewriter.Frame{Head: "()", Channel: "c", Number: 1}
	whole := &typewriter.Frame{Head: "whole"}
	recorded := []typewriter.Event{{Frame: snapshot, Text: "a"}, {Frame: snapshot, Text: "b"}, {Frame: whole}, {Frame: snapshot, Text: "c"}, {Frame: text, Text: "d"}, {Frame: text, Text: "e"}, {Frame: numbered, Text: "f"}}

	var decoded []string
	format := &Format{NewDecoder: func() Decoder { return pieceDecoder{&decoded} }}
	var kinds []Kind
	var messages []string
	for e := range format.replay(slices.Values(recorded)) {
		if kinds = append(kinds, e.Meaning.Kind); e.Frame.IsText() != (e.Meaning.Texts == nil) {
			t.Errorf("%v: got texts %v", e.Frame, e.Meaning.Texts)
		}
		messages = append(messages, e.Meaning.Message)
	}
	if want := []string{"<a>", "<ab>", "whole", "<abc>", "[d]", "()f"}; !slices.Equal(decoded, want) {
		t.Errorf("decoded %q, want %q", decoded, want)
	}
	if want := []Kind{KindText, KindText, KindPiece, KindText, KindText, KindText, KindText}; !slices.Equal(kinds, want) {
		t.Errorf("got kinds %v, want %v", kinds, want)
	}
	if want := []string{"m", "m", "m", "m", "m", "m", ""}; !slices.Equal(messages, want) {
		t.Errorf("got messages %q, want %q", messages, want)
	}
}

package streams

import (
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/typewriter"
)

func TestParseCursor(t *testing.T) {
	for _, test := range []struct {
		text string
		want Cursor
		ok   bool
	}{
		{"0.0", Cursor{}, true},
		{"57.3", Cursor{Position: typewriter.Position{Entry: 57, Offset: 3}}, true},
		{"57.3.1", Cursor{Position: typewriter.Position{Entry: 57, Offset: 3}, Epoch: 1}, true},
		{"57.3.12", Cursor{Position: typewriter.Position{Entry: 57, Offset: 3}, Epoch: 12}, true},
		{"57.3.0", Cursor{}, false},
		{"57.3.01", Cursor{}, false},
		{"57.3.-1", Cursor{}, false},
		{"57.3.", Cursor{}, false},
		{"57.3.1.1", Cursor{}, false},
		{"57", Cursor{}, false},
		{"", Cursor{}, false},
		{"57.3.99999999999999999999", Cursor{}, false},
	} {
		got, err := ParseCursor(test.text)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%q: got %v, %v", test.text, got, err)
		}
		if text := string(got.Append(nil)); test.ok && text != test.text {
			t.Errorf("%q: printed as %q", test.text, text)
		}
	}
}

func TestEpochs(t *testing.T) {
	var e Epochs
	position := func(entry, offset int) typewriter.Position { return typewriter.Position{Entry: entry, Offset: offset} }
	if e.Last() != 0 || e.Of(position(9, 9)) != 0 || e.At(0) != 0 {
		t.Error("the zero value has a takeover")
	}
	e.Begin(1, 40)
	e.Begin(1, 50) // known already
	e.Begin(3, 60) // nothing was written in epoch 2
	for _, test := range []struct {
		at   typewriter.Position
		want int
	}{
		{position(0, 0), 0},
		{position(39, 7), 0},
		{position(40, 0), 0},
		{position(40, 1), 1},
		{position(60, 0), 1},
		{position(60, 1), 3},
		{position(99, 0), 3},
	} {
		if got := e.Of(test.at); got != test.want {
			t.Errorf("%v is in epoch %d, want %d", test.at, got, test.want)
		}
	}
	if e.Last() != 3 || e.At(40) != 1 || e.At(60) != 3 || e.At(41) != 0 {
		t.Errorf("last %d; entry 40 begins %d, entry 60 %d, entry 41 %d", e.Last(), e.At(40), e.At(60), e.At(41))
	}
}

// The id of an unshared stream contains the time of its opening.
func TestLocalID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := NewID()
		local := localID(id)
		if opened, ok := localSince(local); !ok || !opened.Equal(time.Now()) || BaseID(local) != id || BaseID(id) != id {
			t.Errorf("%q of %q was opened at %v", local, id, opened)
		}
		for text, want := range map[string]bool{
			id: true, local: true, "": false, id[1:]: false, id + "a": false, local + "a": false, local[:26] + "a" + local[27:]: false,
			"A" + id[1:]: false, "1" + local[1:]: false, local[:34] + "1": false,
		} {
			if ValidID(text) != want {
				t.Errorf("%q is valid: %v", text, !want)
			}
		}
	})
}

package mock

import (
	"math/rand/v2"
	"time"
	"unicode/utf8"
)

// Tempo is the rhythm of a model: the sizes of its pieces and the pauses between them.
type Tempo struct {
	First time.Duration // before the first piece
	Speed float64       // characters a second; 0 sends all at once
	Size  float64       // mean characters of a piece
	Most  int           // maximum characters of a piece
	Bunch float64       // share of pieces in the same write as the previous piece
	Even  bool          // all pieces have the maximum size, and pauses hardly differ
}

// NextSize returns the size of the next piece.
func (t Tempo) NextSize(rng *rand.Rand) int {
	if t.Even {
		return t.Most
	}
	n := 1
	for n < t.Most && rng.Float64() >= 1/t.Size {
		n++
	}
	return n
}

// Pieces cuts a text as the model would.
func (t Tempo) Pieces(rng *rand.Rand, text string) []string {
	var out []string
	for text != "" {
		end := 0
		for n := t.NextSize(rng); n > 0 && end < len(text); n-- {
			_, width := utf8.DecodeRuneInString(text[end:])
			end += width
		}
		out = append(out, text[:end])
		text = text[end:]
	}
	return out
}

// Pause returns the pause before a number of characters.
func (t Tempo) Pause(rng *rand.Rand, characters int) time.Duration {
	if t.Speed == 0 {
		return 0
	}
	// The mean of two exponential draws is as irregular as real arrivals, without the
	// very long pauses of a single draw.
	factor := (rng.ExpFloat64() + rng.ExpFloat64()) / 2
	if t.Even {
		factor = 0.9 + 0.2*rng.Float64()
	}
	return time.Duration(factor * float64(characters) / t.Speed * float64(time.Second))
}

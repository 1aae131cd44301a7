package typewriter

import (
	"errors"
	"fmt"
	"time"
)

// Mode is a way of timing a stream.
type Mode string

// The modes.
const (
	// Typewriter pauses after each cluster by what the cluster is.
	Typewriter Mode = "typewriter"

	// Smooth spaces clusters evenly, at the rate at which text arrives.
	Smooth Mode = "smooth"

	// Raw does not pace: events leave as they came.
	Raw Mode = "raw"
)

// Default lags; see [Pace.MaxLag].
const (
	DefaultMaxLag       = 3 * time.Second
	DefaultSmoothMaxLag = 400 * time.Millisecond
)

// DefaultMinInterval is the default of [Pace.MinInterval]: half a frame of a
// 60 Hz screen.
const DefaultMinInterval = 8 * time.Millisecond

// Limits of what a [Pace] may ask for.
const (
	MinSpeed = 0.1
	MaxSpeed = 100
	MaxLag   = time.Minute
)

// Pace is a tempo. The zero value is not useful: start from [DefaultPace].
type Pace struct {
	Mode Mode

	// Speed divides the pauses of Typewriter: 2 types twice as fast.
	Speed float64

	// MaxLag is how long after its arrival a cluster leaves at the latest. With 0
	// Typewriter does not catch up at all, however far it falls behind.
	MaxLag time.Duration

	// MinInterval is the shortest time between two events; clusters that are due
	// closer together share one.
	MinInterval time.Duration

	// Pauses are the pauses of Typewriter.
	Pauses *Pauses

	// Seed makes the pauses the same each time. With 0 they differ.
	Seed uint64
}

// DefaultPace returns the tempo that a mode has when nothing is asked of it.
func DefaultPace(mode Mode) Pace {
	p := Pace{Mode: mode, Speed: 1, MaxLag: DefaultMaxLag, MinInterval: DefaultMinInterval, Pauses: defaultPauses}
	if mode == Smooth {
		p.MaxLag = DefaultSmoothMaxLag
	}
	return p
}

// Validate returns an error that names the first value that is out of bounds.
func (p Pace) Validate() error {
	switch {
	case p.Mode != Typewriter && p.Mode != Smooth && p.Mode != Raw:
		return fmt.Errorf("unknown mode %q: want typewriter, smooth or raw", p.Mode)
	case !(p.Speed >= MinSpeed && p.Speed <= MaxSpeed): // so that NaN fails too
		return fmt.Errorf("speed %v is out of bounds: want %v to %v", p.Speed, MinSpeed, MaxSpeed)
	case p.MaxLag < 0 || p.MaxLag > MaxLag:
		return fmt.Errorf("max lag %v is out of bounds: want 0 to %v", p.MaxLag, MaxLag)
	case p.Mode == Smooth && p.MaxLag == 0:
		return errors.New("max lag 0 is out of bounds: smooth needs one to spread the text over")
	case p.MinInterval < 0 || p.MinInterval > time.Second:
		return fmt.Errorf("min interval %v is out of bounds: want 0 to 1s", p.MinInterval)
	case p.Pauses == nil:
		return errors.New("pauses are missing")
	}
	return nil
}

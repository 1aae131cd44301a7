package typewriter

import (
	"errors"
	"fmt"
	"time"
)

// Mode is the kind of timing of a stream.
type Mode string

// Modes.
const (
	// Typewriter pauses after each cluster, depending on the character.
	Typewriter Mode = "typewriter"

	// Smooth spaces clusters evenly, at the rate of arrival.
	Smooth Mode = "smooth"

	// Raw does not pace: events are written as they arrive.
	Raw Mode = "raw"
)

// Auto is a value of [Pace.MaxLag], [Pace.MaxTail] and [Pace.MinInterval] for a duration
// derived from the other fields. See [Pace.Resolve].
const Auto time.Duration = -1

// Unit is the smallest piece of text that is written.
type Unit string

// Units.
const (
	// Grapheme is a grapheme cluster (UAX #29).
	Grapheme Unit = "grapheme"

	// Word is a word (UAX #29) with the closing punctuation and the spaces behind it. Each
	// ideograph is a word.
	Word Unit = "word"
)

// Default values of [Pace.MaxLag] by mode.
const (
	DefaultMaxLag       = 3 * time.Second
	DefaultSmoothMaxLag = time.Second
)

// DefaultMaxTail is the default value of [Pace.MaxTail].
const DefaultMaxTail = time.Second

// DefaultMinInterval is the default value of [Pace.MinInterval]: half a frame of a 60 Hz
// display.
const DefaultMinInterval = 8 * time.Millisecond

// Bounds of the fields of [Pace].
const (
	MinSpeed = 0.1
	MaxSpeed = 100
	MaxLag   = time.Minute
)

// Pace is the tempo of a player. The zero value is invalid; start from [DefaultPace].
type Pace struct {
	Mode Mode

	// Speed divides the pauses of Typewriter, and the automatic max lag and max tail: 2 is
	// twice as fast as the default, 1.
	Speed float64

	// MaxLag bounds the time from the arrival of a cluster to the write. With 0,
	// Typewriter falls behind without bound and never catches up. Auto is the default of
	// the mode, for Typewriter divided by the speed.
	MaxLag time.Duration

	// MaxTail bounds the time from the end of the log to the last write; 0 removes the
	// bound. Auto is DefaultMaxTail, for Typewriter divided by the
	// speed, or no bound if there is no max lag either.
	MaxTail time.Duration

	// Reasoning is the mode of the text of kind [Reasoning]. In mode Raw, reasoning is raw
	// too.
	Reasoning Mode

	// SmoothMaxLag bounds the lag of Smooth reasoning, and the time from the arrival of
	// the first cluster of the answer to the last write of preceding reasoning. Auto is
	// DefaultSmoothMaxLag. Mode Smooth itself is bounded by MaxLag.
	SmoothMaxLag time.Duration

	// Unit is the smallest piece of text that is written, except in mode Raw. Positions are
	// valid for players with any unit.
	Unit Unit

	// Markdown joins the parts of a construct of Markdown in a unit: markers with their
	// text, links, formulas, rows of tables, words of code. An unfinished construct waits
	// for more text, for at most MarkdownHoldTime and never beyond the deadline.
	Markdown bool

	// MinInterval is the minimum time between two events of text. Clusters due closer
	// together share an event. Auto is DefaultMinInterval.
	MinInterval time.Duration

	// Pauses is the table of pauses of Typewriter. See [NewPauses].
	Pauses *Pauses

	// Seed, if not 0, makes the random pauses reproducible.
	Seed uint64
}

// DefaultPace returns the default tempo of a mode.
func DefaultPace(mode Mode) Pace {
	return Pace{
		Mode: mode, Speed: 1, MaxLag: Auto, MaxTail: Auto, Reasoning: Smooth, SmoothMaxLag: Auto,
		Unit: Grapheme, MinInterval: DefaultMinInterval, Pauses: defaultPauses,
	}
}

// Resolve returns the pace with the durations that Auto stands for.
func (p Pace) Resolve() Pace {
	bySpeed := func(d time.Duration) time.Duration {
		if p.Mode != Typewriter {
			return d
		}
		return time.Duration(float64(d) / p.Speed)
	}
	if p.MaxLag == Auto {
		p.MaxLag = bySpeed(DefaultMaxLag)
		if p.Mode == Smooth {
			p.MaxLag = DefaultSmoothMaxLag
		}
	}
	if p.SmoothMaxLag == Auto {
		p.SmoothMaxLag = DefaultSmoothMaxLag
	}
	if p.MinInterval == Auto {
		p.MinInterval = DefaultMinInterval
	}
	if p.MaxTail == Auto {
		p.MaxTail = bySpeed(DefaultMaxTail)
		if p.MaxLag == 0 {
			p.MaxTail = 0
		}
	}
	return p
}

// modeOf returns the mode for a kind of text.
func (p *Pace) modeOf(kind TextKind) Mode {
	if kind == Reasoning && p.Mode != Raw {
		return p.Reasoning
	}
	return p.Mode
}

// lagOf returns the max lag of a mode. The pace must be resolved.
func (p *Pace) lagOf(mode Mode) time.Duration {
	switch mode {
	case p.Mode:
		return p.MaxLag
	case Smooth:
		return p.SmoothMaxLag
	default:
		return DefaultMaxLag
	}
}

// isMode reports whether m is one of the modes.
func isMode(m Mode) bool { return m == Typewriter || m == Smooth || m == Raw }

// Validate returns an error for the first field out of bounds.
func (p Pace) Validate() error {
	switch {
	case !isMode(p.Mode):
		return fmt.Errorf("unknown mode %q: want typewriter, smooth or raw", p.Mode)
	case !isMode(p.Reasoning):
		return fmt.Errorf("unknown mode %q of reasoning: want typewriter, smooth or raw", p.Reasoning)
	case p.Unit != Grapheme && p.Unit != Word:
		return fmt.Errorf("unknown unit %q: want grapheme or word", p.Unit)
	case !(p.Speed >= MinSpeed && p.Speed <= MaxSpeed): // so that NaN fails too
		return fmt.Errorf("speed %v is out of bounds: want %v to %v", p.Speed, MinSpeed, MaxSpeed)
	case p.MaxLag != Auto && (p.MaxLag < 0 || p.MaxLag > MaxLag):
		return fmt.Errorf("max lag %v is out of bounds: want 0 to %v", p.MaxLag, MaxLag)
	case p.Mode == Smooth && p.MaxLag == 0:
		return errors.New("max lag 0 is out of bounds: smooth needs one to spread the text over")
	case p.MaxTail != Auto && (p.MaxTail < 0 || p.MaxTail > MaxLag):
		return fmt.Errorf("max tail %v is out of bounds: want 0 to %v", p.MaxTail, MaxLag)
	case p.SmoothMaxLag != Auto && (p.SmoothMaxLag <= 0 || p.SmoothMaxLag > MaxLag):
		return fmt.Errorf("smooth max lag %v is out of bounds: want more than 0, at most %v", p.SmoothMaxLag, MaxLag)
	case p.MinInterval != Auto && (p.MinInterval < 0 || p.MinInterval > time.Second):
		return fmt.Errorf("min interval %v is out of bounds: want 0 to 1s", p.MinInterval)
	case p.Pauses == nil:
		return errors.New("pauses are missing")
	}
	return nil
}

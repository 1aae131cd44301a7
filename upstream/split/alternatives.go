package split

// maxAlternatives is the number of alternatives that are tracked; services allow up to 128. Any
// further alternatives share the last place.
const maxAlternatives = 64

// Alternatives tracks which of the alternative answers of a stream are finished. The zero value
// is ready to use.
type Alternatives struct{ begun, finished uint64 } // bits by index

// Add adds an event of the alternative with an index, possibly the last event.
func (a *Alternatives) Add(index uint64, isFinished bool) {
	bit := uint64(1) << min(index, maxAlternatives-1)
	a.begun |= bit
	if isFinished {
		a.finished |= bit
	}
}

// AreFinished reports whether all alternatives that have begun are finished.
func (a *Alternatives) AreFinished() bool { return a.begun != 0 && a.begun == a.finished }

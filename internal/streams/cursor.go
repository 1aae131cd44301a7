package streams

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sse-typewriter/typewriter"
)

// Cursor is a position in a stream, as carried by event ids. The epoch distinguishes the
// texts of two replicas that both wrote the stream, because one was cut off from the store.
type Cursor struct {
	Position typewriter.Position

	// Epoch is the number of takeovers before the entry at the position.
	Epoch int
}

// Append appends the cursor's text form, entry.offset or entry.offset.epoch.
func (c Cursor) Append(dst []byte) []byte {
	dst = c.Position.Append(dst)
	if c.Epoch > 0 {
		dst = strconv.AppendInt(append(dst, '.'), int64(c.Epoch), 10)
	}
	return dst
}

// ParseCursor parses the text form of [Cursor.Append], and accepts nothing else.
func ParseCursor(text string) (c Cursor, err error) {
	position := text
	if i := strings.LastIndexByte(text, '.'); strings.Count(text, ".") == 2 {
		position = text[:i]
		c.Epoch, _ = strconv.Atoi(text[i+1:]) // compared below
	}
	c.Position, err = typewriter.ParsePosition(position)
	if err != nil || string(c.Append(nil)) != text {
		return Cursor{}, fmt.Errorf("cannot read cursor %q: want entry.offset or entry.offset.epoch", text)
	}
	return c, nil
}

// Epochs records the takeovers of a stream. The zero value and a nil pointer have none.
// Epochs are safe for concurrent use by a single writer and any number of readers.
type Epochs struct {
	starts atomic.Pointer[[]int] // starts[i] is the first entry of epoch i+1
}

// Begin records an entry as the first of an epoch. Unknown earlier epochs are empty.
func (e *Epochs) Begin(epoch, entry int) {
	starts := append([]int(nil), e.list()...)
	for len(starts) < epoch {
		starts = append(starts, entry)
	}
	e.starts.Store(&starts)
}

// Last returns the last epoch.
func (e *Epochs) Last() int { return len(e.list()) }

// At returns the last epoch whose first entry is the given entry, or 0.
func (e *Epochs) At(entry int) (epoch int) {
	for i, start := range e.list() {
		if start == entry {
			epoch = i + 1
		}
	}
	return epoch
}

// Of returns the epoch of a position. The start of an entry belongs to the entry before.
func (e *Epochs) Of(p typewriter.Position) (epoch int) {
	for _, start := range e.list() {
		if p.Entry > start || p.Entry == start && p.Offset > 0 {
			epoch++
		}
	}
	return epoch
}

// Cursor returns the cursor of a position.
func (e *Epochs) Cursor(p typewriter.Position) Cursor { return Cursor{p, e.Of(p)} }

func (e *Epochs) list() []int {
	if e == nil {
		return nil
	}
	if starts := e.starts.Load(); starts != nil {
		return *starts
	}
	return nil
}

// A stream that the store could not take when it was opened has an id that says so, and
// when that was. Replicas that do not find the stream then know that it may exist.

const (
	idLength    = 26
	localMark   = '0' // not in the alphabet of base32
	localLength = idLength + 1 + 8

	// localLifetime is the time after which an unshared stream is gone.
	localLifetime = time.Hour
)

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// localID returns the id of an unshared stream that is opened now.
func localID(id string) string {
	seconds := binary.BigEndian.AppendUint64(nil, uint64(time.Now().Unix()))
	return id + string(localMark) + idEncoding.EncodeToString(seconds[3:])
}

// localSince returns the time when the stream of a local id was opened.
func localSince(id string) (opened time.Time, ok bool) {
	if len(id) != localLength || id[idLength] != localMark {
		return time.Time{}, false
	}
	seconds, err := idEncoding.DecodeString(id[idLength+1:])
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(append(make([]byte, 3), seconds...))), 0), true
}

// ValidID reports whether an id has the form of a stream's.
func ValidID(id string) bool {
	if _, ok := localSince(id); ok {
		id = id[:idLength]
	}
	return len(id) == idLength && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// BaseID returns the argument of [Registry.Open] for a stream's id.
func BaseID(id string) string { return id[:min(len(id), idLength)] }

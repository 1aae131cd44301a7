package streams

import (
	"context"
	"errors"
	"time"

	"sse-typewriter/typewriter"
)

// Store shares streams between replicas. Of each stream one replica at a time is the
// writer; any number read. It is safe for concurrent use.
//
// The methods return [ErrUnavailable] when the store cannot be reached. Create, Find and
// Ask then do so within a second or two; Write and Read wait until it is back.
type Store interface {
	// Create makes a stream known, and this replica its writer.
	Create(ctx context.Context, id string, about Metadata) error

	// Find returns what Create was given, for a stream that is running or was within
	// the retention; else [ErrGone].
	Find(ctx context.Context, id string) (Metadata, error)

	// Write writes a stream's log as it grows, and has entries pass the gate once they
	// are in the store. When that cannot be reached for a while the gate is opened, and
	// what comes meanwhile is written when it is back, also if the store has lost everything.
	// It returns when the log has ended and all is written, or is freed, or when another
	// replica has become the writer; the gate is then open. When ctx is done it writes
	// what there is, which takes no longer than [HandOver], and leaves the log: readers
	// here see what another replica, which can then become the writer, goes on from. It
	// does not leave what no other could go on with.
	Write(ctx context.Context, id string, feed Feed) error

	// Read appends a stream to the feed's log as it grows, and ends the log when the
	// stream has. It returns nil then; ctx's error when that is done; [ErrOrphaned] when
	// the writer is gone without an end, all that it wrote is in the log, and this
	// replica is the writer now; and [typewriter.ErrFull].
	Read(ctx context.Context, id string, feed Feed) error

	// Ping returns an error when the store cannot be reached. It returns at the latest
	// when ctx is done.
	Ping(ctx context.Context) error

	// Send has all replicas that write or read the stream do something, within a
	// second or two.
	Send(ctx context.Context, id string, ask Command) error
}

// HandOver is how long a store may try, when the process ends, to take what there is of
// the streams, so that other replicas can go on with them. It is longer than a store that
// is only slow takes, and short beside the grace that deployments give a process to end.
const HandOver = 5 * time.Second

// Errors of a [Store] and of [Registry.Find].
var (
	ErrGone        = errors.New("no such stream")
	ErrUnavailable = errors.New("streams of other replicas cannot be reached")
	ErrOrphaned    = errors.New("the stream's writer is gone")
)

// Metadata is what a store knows of a stream besides its events.
type Metadata struct {
	// OwnerHash is the owner's credential, as a hash that is another for each stream.
	OwnerHash []byte

	// LogID is [Source.LogID].
	LogID string

	// Started is when the log was begun.
	Started time.Time
}

// Feed is a stream on its way to or from a store. The functions must not block.
type Feed struct {
	Metadata Metadata

	// Log is what Read fills.
	Log *typewriter.Log

	// Barrier is the gate of the log that Write reads.
	Barrier *typewriter.Barrier

	// Written is how many entries of that log the store has when Write begins; it may
	// have lost them.
	Written int

	// OnCommand is called with what [Store.Ask] asks, here or elsewhere; more than once, it
	// may be.
	OnCommand func(Command)

	// OnLoaded is called when all that the store held at the beginning of Read is in
	// the log; more than once, it may be.
	OnLoaded func()

	// HasViewers tells Read whether somebody looks on. It tells the writer so.
	HasViewers func() bool
}

// Command is what replicas ask of those that have the same stream.
type Command string

// What can be asked.
const (
	CommandSkip Command = "skip" // have the players type what waits
	CommandStop Command = "stop" // have the upstream stop; for the writer
	CommandView Command = "view" // somebody looks on elsewhere; for the writer
)

package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sse-typewriter/typewriter"
)

// Store shares streams between replicas. Each stream has a single writer at a time and any
// number of readers. A Store is safe for concurrent use.
//
// If the store cannot be reached, Create, Find, Claim, Release, Conversation, StopAt, Ping and Send return [ErrUnavailable]
// within two seconds, while Write and Read retry until the store is back.
type Store interface {
	// Create adds a stream and makes this replica the writer.
	Create(ctx context.Context, id string, metadata Metadata) error

	// Find returns the metadata of a stream while the stream runs, and during the
	// retention. For a stream stored by another version of the program the error is
	// [ErrIncompatible], for an unknown id [ErrGone]. As long as the store may have lost
	// data, or may miss streams that were refused, unknown ids are unavailable.
	Find(ctx context.Context, id string) (Metadata, error)

	// Write copies the log to the store as the log grows, and advances the barrier over the
	// stored entries. After an outage of some seconds Write opens the barrier; the entries
	// are stored once the store is back, all of them if the store lost its data.
	//
	// Write returns when the whole log is stored or freed; the barrier is then open. If
	// another replica has become the writer, Write returns [ErrFenced] and hands the log
	// off, unless local readers have seen entries missing from the store. When ctx is done,
	// Write stores the rest within [HandOver] and hands the log off: another replica can
	// become the writer, and local readers have seen exactly the stored entries. If no
	// other replica could continue the log, Write does not hand the log off.
	//
	// After the end of the log, Write may be called again to store the log once more.
	//
	// Write renews the stream's claim, which is started once the store has an entry, and
	// then lasts as long as the stream. Write also adds the stream to its conversations.
	Write(ctx context.Context, id string, out Outbound) error

	// Claim makes c the claim of its name unless another stream has the name, and returns the
	// claim with the name. A claim that is not started lapses after [ClaimLease], unless
	// another call renews it. The error may be [ErrIncompatible].
	Claim(ctx context.Context, c Claim) (holder Claim, err error)

	// Release frees the name of a claim, unless another stream has the name.
	Release(ctx context.Context, c Claim) error

	// Read copies the stored entries to a log as they arrive, and ends the log at the
	// end of the stream. Read then returns nil; otherwise the error of ctx,
	// [typewriter.ErrFull], or [ErrOrphaned] when the writer is lost. In the last case
	// the log holds all stored entries, and this replica is the writer.
	Read(ctx context.Context, id string, in Inbound) error

	// Ping reports whether the store can be reached. Ping returns when ctx is done at the
	// latest.
	Ping(ctx context.Context) error

	// Lost returns a channel that is closed at the next loss of the store's data. Running
	// Writes store their logs again by themselves.
	Lost() <-chan struct{}

	// Conversation returns the streams of a conversation by their ids, except for those of
	// other versions of the program.
	Conversation(ctx context.Context, name string) (map[string]Metadata, error)

	// StopAt keeps the first stop point of a stream, and returns this point.
	StopAt(ctx context.Context, id string, at Cursor) (Cursor, error)

	// Send delivers a command to all writers and readers of the stream, within two seconds.
	Send(ctx context.Context, id string, command Command) error
}

// HandOver bounds the time of a store to hand all streams over at shutdown. The bound
// exceeds the delays of a slow store, and fits into the grace periods of common
// deployments.
const HandOver = 5 * time.Second

// Errors of [Store], [Registry.Find] and [Stream.Seek].
var (
	ErrNoPosition  = errors.New("the stream has no such position")
	ErrGone        = errors.New("no such stream")
	ErrUnavailable = errors.New("streams of other replicas cannot be reached")
	ErrOrphaned    = errors.New("the writer of the stream is lost")
	ErrFenced      = errors.New("another replica has become the writer of the stream")

	// ErrIncompatible is an [ErrUnavailable] for a stream that was stored by another
	// version of the program, or has an origin unknown to this replica.
	ErrIncompatible = fmt.Errorf("%w: the stream is of a replica with another version or configuration", ErrUnavailable)
)

// Metadata describes a stream in a store. The entries are stored separately.
type Metadata struct {
	// OwnerHash identifies the owner's credential. The salt is the stream's id.
	OwnerHash []byte

	Origin

	// LogID is [Source.LogID].
	LogID string

	// Started is the start time of the log.
	Started time.Time

	// LinkKey signs the links of the stream.
	LinkKey []byte

	// Claim is the claim of the stream. Without a name the stream has none.
	Claim Claim

	// StopPoint is the end of the stream for later viewers, or nil. Only [Store.StopAt] stores
	// the field.
	StopPoint *Cursor

	// Ended reports whether the stream has ended, and Revoked whether [CommandRevoke] was
	// sent. Only [Store.Write] and [Store.Send] store the fields.
	Ended, Revoked bool
}

// Outbound is the source of [Store.Write]. OnCommand must not block.
type Outbound struct {
	Metadata Metadata

	// Barrier belongs to the log.
	Barrier *typewriter.Barrier

	// Epochs are those of the log. The last epoch is the writer's.
	Epochs *Epochs

	// Conversations returns the names of the stream's conversations so far. A nil function
	// returns none.
	Conversations func() []string

	// Written is the number of entries already in the store, unless the store lost data.
	Written int

	// OnCommand handles the commands of all replicas. Commands may be repeated.
	OnCommand func(Command)
}

// Inbound is the destination of [Store.Read]. The functions must not block.
type Inbound struct {
	Metadata Metadata

	// Log receives the entries, and Epochs the takeovers between them.
	Log    *typewriter.Log
	Epochs *Epochs

	// OnCommand handles the commands of all replicas. Commands may be repeated.
	OnCommand func(Command)

	// OnLoaded is called once the log holds all entries stored before Read began. Later
	// calls are possible.
	OnLoaded func()

	// MayContinue reports whether this replica may become the writer. Otherwise Read waits
	// for another replica, or for the end of the stored stream, and returns [ErrGone] then.
	MayContinue func() bool

	// HasViewers reports whether a local client reads the stream. Read informs the
	// writer about them.
	HasViewers func() bool
}

// Command is a request to all replicas of a stream.
type Command string

// The commands.
const (
	CommandSkip   Command = "skip"   // play the backlog at once
	CommandStop   Command = "stop"   // cancel the upstream's answer; for the writer
	CommandRevoke Command = "revoke" // refuse all links
	CommandView   Command = "view"   // restart the grace, a client reads elsewhere; for the writer
)

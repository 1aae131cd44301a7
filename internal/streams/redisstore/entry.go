package redisstore

import (
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
)

// Fields of an entry. Entry i of a log has the Redis id i+1, so that repeating a write adds
// nothing. An entry without a frame has the frame of the entry before.
const (
	fieldText     = "t"
	fieldArrived  = "a" // milliseconds since the start of the log
	fieldName     = "n"
	fieldHead     = "h"
	fieldTail     = "l"
	fieldChannel  = "c"
	fieldNumber   = "i"
	fieldTwin     = "w"
	fieldKind     = "k"
	fieldSnapshot = "s" // present for a snapshot
	fieldSeries   = "q" // name of the series
	fieldFirst    = "f" // first number of the series
	fieldOnce     = "o" // begins the names of the payloads' fields; see oncePayloads
	fieldEpoch    = "p" // epoch that begins with the entry, after a takeover
	fieldEnd      = "e" // marks the end of the log; the entry has no other field
)

// Fields of a stream's metadata. The scripts add writer, the id of the writing replica,
// epoch, the number of takeovers, and a field for each command sent.
const (
	fieldSchema   = "schema"
	fieldOwner    = "owner"
	fieldStarted  = "started" // Unix time in milliseconds
	fieldLogID    = "logid"
	fieldUpstream = "upstream"
	fieldFormat   = "format"
	fieldNote     = "note"
	fieldUnshared = "unshared" // set when only the writer has the entries
	fieldEnded    = "ended"    // set at the end of the log
	fieldClaim    = "claim"    // name of the stream's claim, if any
	fieldRequest  = "request"  // of the claim
	fieldLinkKey  = "link_key"
	fieldStopAt   = "stop_at" // cursor of the stop point, if any
)

// schemaVersion identifies the fields above. Replicas report a stream of another
// version as incompatible.
const schemaVersion = "1"

// encodeMetadata returns fields and values, without the writer.
func encodeMetadata(m streams.Metadata) []any {
	fields := []any{
		fieldSchema, schemaVersion, fieldOwner, m.OwnerHash,
		fieldStarted, m.Started.UnixMilli(), fieldLogID, m.LogID, fieldUpstream, m.Upstream, fieldFormat, m.Format, fieldNote, m.Note, fieldLinkKey, m.LinkKey,
	}
	if m.Claim.Name != "" {
		fields = append(fields, fieldClaim, m.Claim.Name, fieldRequest, m.Claim.Request)
	}
	return fields
}

// decodeMetadata is the inverse of encodeMetadata. The errors are those of
// [streams.Store.Find].
func decodeMetadata(fields map[string]string) (streams.Metadata, error) {
	switch schema, ok := fields[fieldSchema]; {
	case !ok:
		return streams.Metadata{}, streams.ErrGone
	case schema != schemaVersion:
		return streams.Metadata{}, streams.ErrIncompatible
	}
	started, err := strconv.ParseInt(fields[fieldStarted], 10, 64)
	if err != nil {
		return streams.Metadata{}, streams.ErrGone // written by another program
	}
	var stopPoint *streams.Cursor
	if at, err := streams.ParseCursor(fields[fieldStopAt]); err == nil {
		stopPoint = &at
	}
	return streams.Metadata{
		OwnerHash: []byte(fields[fieldOwner]), LogID: fields[fieldLogID], Started: time.UnixMilli(started),
		Origin: streams.Origin{Upstream: fields[fieldUpstream], Format: fields[fieldFormat], Note: fields[fieldNote]},
		Claim:  streams.Claim{Name: fields[fieldClaim], Request: fields[fieldRequest]}, StopPoint: stopPoint,
		Ended: fields[fieldEnded] != "", Revoked: fields[string(streams.CommandRevoke)] != "", LinkKey: []byte(fields[fieldLinkKey]),
	}, nil
}

// encode returns fields and values of an entry. The frame is omitted if previous is the
// same.
func encode(e typewriter.Event, at time.Duration, previous *typewriter.Frame) []any {
	fields := []any{fieldText, e.Text, fieldArrived, at.Milliseconds()}
	if f := e.Frame; f != previous {
		fields = append(fields, fieldName, f.Name, fieldHead, f.Head)
		if f.IsText() {
			fields = append(fields, fieldTail, f.Tail, fieldChannel, f.Channel)
		}
		if f.Number > 0 {
			fields = append(fields, fieldNumber, f.Number)
		}
		if f.Series != nil {
			fields = append(fields, fieldSeries, f.Series.Name, fieldFirst, f.Series.First)
		}
		if f.Twin != "" {
			fields = append(fields, fieldTwin, f.Twin)
		}
		if f.Kind != typewriter.Answer {
			fields = append(fields, fieldKind, int(f.Kind))
		}
		if f.Snapshot {
			fields = append(fields, fieldSnapshot, 1)
		}
		if f.Once != nil {
			for name, p := range oncePayloads(f.Once) {
				fields = append(fields, name+fieldHead, p.Head, name+fieldTwin, p.Twin, name+fieldTail, p.Tail, name+fieldNumber, p.Number)
			}
		}
	}
	return fields
}

// oncePayloads returns the payloads of pieces by the beginning of the names of their fields.
// If a frame has Once, an entry of the frame has all fields.
func oncePayloads(once *typewriter.Once) map[string]*typewriter.Payload {
	return map[string]*typewriter.Payload{fieldOnce + "f": &once.First, fieldOnce + "l": &once.Last, fieldOnce + "o": &once.Only}
}

// size returns the approximate size of fields in Redis.
func size(fields []any) (n int) {
	for _, f := range fields {
		n += 4
		if text, ok := f.(string); ok {
			n += len(text)
		}
	}
	return n
}

// decoder decodes consecutive entries.
type decoder struct {
	frame  *typewriter.Frame
	n      int // number of decoded entries
	epochs *streams.Epochs
}

// decode decodes the next entry, possibly the end of the log. It returns false for a
// malformed entry and for an entry out of order.
func (d *decoder) decode(m redis.XMessage) (e typewriter.Event, at time.Duration, ended, ok bool) {
	number, _, _ := strings.Cut(m.ID, "-")
	if number != strconv.Itoa(d.n+1) {
		return e, 0, false, false
	}
	if _, ended = m.Values[fieldEnd]; ended {
		return e, 0, true, true
	}
	text := func(field string) string {
		value, _ := m.Values[field].(string)
		return value
	}
	if _, framed := m.Values[fieldHead]; framed {
		if d.frame, ok = decodeFrame(text); !ok {
			return e, 0, false, false
		}
	}
	if d.frame == nil {
		return e, 0, false, false
	}
	ms, _ := strconv.ParseInt(text(fieldArrived), 10, 64)
	if epoch, _ := strconv.Atoi(text(fieldEpoch)); epoch > 0 {
		d.epochs.Begin(epoch, d.n)
	}
	d.n++
	return typewriter.Event{Frame: d.frame, Text: text(fieldText)}, time.Duration(ms) * time.Millisecond, false, true
}

// decodeFrame decodes the frame of an entry, given the values of the fields. It returns false
// for a malformed frame.
func decodeFrame(text func(field string) string) (f *typewriter.Frame, ok bool) {
	number := func(field string) int {
		n, _ := strconv.Atoi(text(field))
		return n
	}
	payload := func(name string) typewriter.Payload {
		p := typewriter.Payload{
			Head: text(name + fieldHead), Twin: text(name + fieldTwin), Tail: text(name + fieldTail), Number: number(name + fieldNumber),
		}
		ok = ok && p.Number >= 0 && p.Number <= len(p.Head)+len(p.Tail)
		return p
	}
	ok = true
	middle := payload("")
	f = &typewriter.Frame{
		Name: text(fieldName), Head: middle.Head, Twin: middle.Twin, Tail: middle.Tail, Number: middle.Number,
		Channel: text(fieldChannel), Kind: typewriter.TextKind(number(fieldKind)),
	}
	f.Snapshot = text(fieldSnapshot) != ""
	if first := text(fieldFirst); first != "" {
		f.Series = &typewriter.Series{Name: text(fieldSeries)}
		f.Series.First, _ = strconv.ParseInt(first, 10, 64)
	}
	if text(fieldOnce+"o"+fieldHead) != "" {
		f.Once = &typewriter.Once{}
		for name, p := range oncePayloads(f.Once) {
			*p = payload(name)
		}
	}
	return f, ok
}

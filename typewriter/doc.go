// Package typewriter re-times a stream of text events: what arrives in bursts
// leaves one grapheme cluster after another, with pauses that know punctuation,
// and never later than a chosen lag after its arrival.
//
// Two verbs meet at a [Log]. [Record] appends what the source yields, as fast as
// it comes. [Player.Play] reads the log from a [Position], splits the text, waits
// and writes. The log stands before the pacing, so every player of one log has a
// tempo of its own.
//
// The package knows neither HTTP nor any service's vocabulary: it is told which
// part of an event is text by the event's [Frame].
package typewriter

// Package typewriter re-times text streams for human readers: text that arrives in bursts
// is written grapheme cluster by grapheme cluster, with pauses after punctuation, and
// never later than a chosen lag after the arrival. Timing changes; text, order and
// surrounding payloads do not, and the source is never slowed down.
//
// [Type] paces any iterator over strings into an io.Writer. The underlying types serve
// streams of events:
//
//   - [Record] appends the events of a source to a [Log] as fast as they arrive.
//   - [Player.Play] reads the log from a [Position], splits the text, waits, and writes
//     to a [Writer].
//
// Players of the same log are independent: each has a tempo and a position, and a player
// can continue where another player stopped.
//
// The package knows neither HTTP nor any service. The [Frame] of an event marks the text
// within the payload.
package typewriter

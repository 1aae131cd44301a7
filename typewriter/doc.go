// Package typewriter re-times text that arrives in bursts, so that it reads as if typed:
// grapheme cluster by grapheme cluster, with pauses after punctuation, and never later
// than a chosen lag after the arrival. Timing changes; text, order and surrounding
// payloads do not, and the source is never slowed down.
//
// [Type] paces any iterator over strings into an io.Writer. The parts behind it serve
// streams of events:
//
//   - [Record] appends the events of a source to a [Log] as fast as they arrive.
//   - [Player.Play] reads the log from a [Position], splits the text, waits, and writes
//     to a [Writer].
//
// Players of the same log are independent: each has its own tempo and position, and a
// player can continue where another one stopped.
//
// The package knows neither HTTP nor any service. The [Frame] of an event marks the part
// of the payload that is text.
package typewriter

// Package typewriter gives text that arrives in bursts the rhythm of somebody typing:
// one character (grapheme cluster) after another, with pauses that know punctuation,
// and never later than a chosen lag after its arrival. It never changes text, its
// order or what is around it, never holds the source back, and never drops anything:
// what leaves, joined, is what came.
//
// [Type] does that for any iterator over strings and any io.Writer. What stands behind
// it serves streams of events too:
//
// Two verbs meet at a [Log]. [Record] appends what the source yields, as fast as it
// comes. [Player.Play] reads the log from a [Position], splits the text, waits and
// writes to a [Writer]. The log stands before the pacing, so every player of one log
// has a tempo of its own, and one can go on where another has stopped.
//
// The package knows neither HTTP nor any service's vocabulary: it is told which part
// of an event is text by the event's [Frame].
package typewriter

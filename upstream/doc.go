// Package upstream sends requests to an AI service and reads the streams of the replies. A
// [Client] sends a [Request] and returns a [Reply]; the events of a reply are ready for
// package typewriter, and carry their decoded [Meaning]. If a stream is cut, the client
// fetches the rest of the answer where the service allows. The package neither writes to
// clients nor paces.
//
// A [Format] contains everything specific to a service. Each sub-package provides a format.
// To add a format:
//
//  1. Write a package upstream/NAME whose New returns a [Format]. Name, NewDecoder,
//     ErrorEvents, ErrorBody, ReadError and RequestIDHeader are required, and at least one of
//     Paths, Route, MatchHeader and MatchEvent.
//  2. Let the decoder return typed events: for text an event whose frame has a channel
//     and whose Meaning is of KindText, for everything else Pass with a Meaning. Share
//     the frame and the Meaning between the events of a run; package upstream/split helps
//     with both, and with fields that only one piece of a text may have.
//  3. Set the functions for other features of the service: Ask, Stopped, Note, Cancel,
//     NewRecovery. [RestInAttempts] requests the rest of a cut stream repeatedly.
//  4. Add the format to the list in internal/app.
//
// docs/adding-a-format.md has an example.
package upstream

// Package upstream sends requests to an AI service and reads the streams that it replies
// with. A [Client] sends a [Request] and returns a [Reply]; the events of a reply have
// the form that package typewriter plays, and carry their decoded [Meaning]. If a stream
// is cut, the client fetches the rest of its answer where the service allows that. The
// package neither writes to clients nor paces.
//
// Everything specific to one service is in a [Format], of which each sub-package provides
// one. To add a format:
//
//  1. Write a package upstream/NAME whose New returns a [Format]. Name, Paths
//     or Route, Framing, NewDecoder, ErrorEvents, ErrorBody and ReadError are required.
//  2. Let the decoder return typed events: for text an event whose frame has a channel
//     and whose Meaning is of KindText, for everything else Pass with its Meaning. Share
//     the frame and the Meaning between the events of a run.
//  3. Set the functions for what the service can do besides: Ask, Cancel, NewRecovery.
//  4. Add the format to the list in internal/app.
package upstream

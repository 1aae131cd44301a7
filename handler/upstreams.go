package handler

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Upstream is an AI service for the requests below a path prefix.
type Upstream struct {
	// Prefix is the path prefix of requests for the service, such as "/name", which is
	// cut off before a request goes upstream. It also identifies the service in metrics,
	// in logs and with stored streams. Empty: the service gets all other requests.
	Prefix string

	Client *upstream.Client

	// Formats are the wire formats that the server knows. In the first one it asks
	// questions of its own.
	Formats upstream.Formats

	// Token is the token for requests without a credential of their own; empty: none is
	// added.
	Token string

	// Paces are the defaults of each mode, and Mode is the default mode.
	Paces map[typewriter.Mode]typewriter.Pace
	Mode  typewriter.Mode
}

// label returns the upstream's name in metrics and logs.
func (u *Upstream) label() string { return labelOf(streams.Origin{Upstream: u.Prefix}) }

// labelOf returns the name of a stream's upstream in metrics and logs.
func labelOf(o streams.Origin) string { return cmp.Or(o.Upstream, "/") }

// Upstreams are the upstreams of a server. The first one has no prefix.
type Upstreams []*Upstream

// OfPath returns the upstream with the longest prefix of a path, and the path without the
// prefix.
func (all Upstreams) OfPath(path string) (u *Upstream, rest string) {
	u, rest = all[0], path
	for _, other := range all[1:] {
		after, ok := strings.CutPrefix(path, other.Prefix)
		if ok && (after == "" || after[0] == '/') && len(other.Prefix) > len(u.Prefix) {
			u, rest = other, cmp.Or(after, "/")
		}
	}
	return u, rest
}

// Check reports prefixes that hide a path of the server, one on each line. own are further
// paths of the server.
func (all Upstreams) Check(own ...string) error {
	var errs []error
	for _, u := range all[1:] {
		if isOwnPath(u.Prefix) || slices.ContainsFunc(own, func(path string) bool { return strings.HasPrefix(u.Prefix+"/", path+"/") }) {
			errs = append(errs, fmt.Errorf("upstreams: %s: the prefix is a path of the server", u.Prefix))
		}
	}
	for _, u := range all {
		for _, path := range []string{chatPath, summarizePath} {
			if hiding, _ := all.OfPath(u.Prefix + path); hiding != u {
				errs = append(errs, fmt.Errorf("upstreams: %s: the prefix hides %s", hiding.Prefix, u.Prefix+path))
			}
		}
	}
	return errors.Join(errs...)
}

// find returns the upstream of a stream, or nil.
func (all Upstreams) find(o streams.Origin) *Upstream {
	i := slices.IndexFunc(all, func(u *Upstream) bool { return u.Prefix == o.Upstream })
	if i < 0 {
		return nil
	}
	return all[i]
}

// format returns the format of a stream, or nil. The progress of a summary is written as
// its chat would be.
func (all Upstreams) format(o streams.Origin) *upstream.Format {
	u := all.find(o)
	if u == nil {
		return nil
	}
	return u.Formats.Find(strings.TrimPrefix(o.Format, summaryPrefix))
}

// Knows is the function Knows of [streams.Options].
func (all Upstreams) Knows(o streams.Origin) bool { return all.format(o) != nil }

// Stopped is the function Stopped of [streams.Options].
func (all Upstreams) Stopped(o streams.Origin, log *typewriter.Log) []typewriter.Event {
	if strings.HasPrefix(o.Format, summaryPrefix) {
		return nil // the progress of a summary just ends
	}
	first, last := log.Ends()
	return stoppedEvents(all.format(o))(upstream.Sent{First: first, Last: last})
}

// ErrorEvents returns a function for [streams.Options] that returns the events of an error.
func (all Upstreams) ErrorEvents(err *apierror.Error) streams.LastEvents {
	return func(o streams.Origin, log *typewriter.Log) []typewriter.Event {
		first, last := log.Ends()
		return all.format(o).ErrorEvents(err, upstream.Sent{First: first, Last: last})
	}
}

// Formats returns the distinct formats of all upstreams, the default one first.
func (all Upstreams) Formats() upstream.Formats {
	var formats upstream.Formats
	for _, u := range all {
		for _, format := range u.Formats {
			if formats.Find(format.Name) == nil {
				formats = append(formats, format)
			}
		}
	}
	return formats
}

// Labels returns the names of the upstreams in metrics.
func (all Upstreams) Labels() []string {
	var labels []string
	for _, u := range all {
		labels = append(labels, u.label())
	}
	return labels
}

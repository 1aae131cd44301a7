package handler

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/hertz-contrib/sse"

	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
)

// streamsPath is where streams that are kept are found by their id.
const streamsPath = "/typewriter/streams/"

// Values of the header Typewriter-Resume, which says why there is nothing to resume.
const (
	resumeGone     = "gone"     // no such stream, or another's
	resumeFinished = "finished" // it has ended, and all of it was seen

	// It cannot be told now; of a new stream: other replicas may not find it.
	resumeUnavailable = "unavailable"
)

// prefersAsync reports whether a client wants the answer's address instead of the
// answer (RFC 7240, section 4.1).
func prefersAsync(c *app.RequestContext) bool {
	for preference := range strings.SplitSeq(c.Request.Header.Get("Prefer"), ",") {
		if strings.EqualFold(strings.TrimSpace(preference), "respond-async") {
			return true
		}
	}
	return false
}

// lastEventID returns the id of the last event that a client has seen. A query serves
// those that cannot set a header.
func lastEventID(c *app.RequestContext) string {
	return cmp.Or(sse.GetLastEventID(c), c.Query("lastEventId"))
}

// comesBack reports whether a request is that of an EventSource which was here before.
func comesBack(c *app.RequestContext) bool { return c.IsGet() && lastEventID(c) != "" }

// attach serves GET /typewriter/streams/{id}: a stream from its beginning, or from
// where the client was.
func (h *Handler) attach(ctx context.Context, c *app.RequestContext) {
	if _, ok := h.readBody(c); !ok { // it has none to be of use
		return
	}
	id := c.Param("id")
	last := lastEventID(c)
	if last == "" {
		h.resumeFrom(ctx, c, id, typewriter.Position{})
		return
	}
	if !strings.HasPrefix(last, id+":") {
		fail(c, http.StatusBadRequest, codeBadRequest, "last event id is not one of this stream's")
		return
	}
	h.resume(ctx, c, last)
}

// resume goes on with a stream after the event with an id.
func (h *Handler) resume(ctx context.Context, c *app.RequestContext, last string) {
	id, position, ok := strings.Cut(last, ":")
	from, err := typewriter.ParsePosition(position)
	if !ok || err != nil || !isStreamID(id) {
		fail(c, http.StatusBadRequest, codeBadRequest, "last event id is malformed: want stream:entry.offset")
		return
	}
	h.resumeFrom(ctx, c, id, from)
}

func (h *Handler) resumeFrom(ctx context.Context, c *app.RequestContext, id string, from typewriter.Position) {
	pace, err := h.pace(c)
	if err != nil {
		fail(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return
	}
	s, err := h.find(ctx, c, id)
	switch {
	case errors.Is(err, streams.ErrUnavailable):
		h.Metrics.Resumed(resumeUnavailable)
		h.unavailable(c)
		return
	case err != nil:
		h.nothingToResume(c, resumeGone)
		return
	case !s.Resumable():
		s.Detach()
		h.nothingToResume(c, resumeGone)
		return
	case !s.Await(ctx, from):
		s.Detach()
		h.Metrics.Resumed(resumeUnavailable)
		h.unavailable(c)
		return
	}
	n, ended := s.Log.Len()
	switch {
	case s.Log.HandedOff():
		s.Detach()
		h.Metrics.Resumed(resumeUnavailable)
		h.unavailable(c)
	case !s.Log.Contains(from):
		s.Detach()
		fail(c, http.StatusBadRequest, codeBadRequest, "last event id is not one of this stream's")
	case ended && from.Entry == n:
		s.Detach()
		h.nothingToResume(c, resumeFinished)
	default:
		// It takes nothing of the client's rate: an EventSource that is refused never
		// comes back.
		leave, ok := h.takePlace(ctx, c, h.views, s.ID)
		if !ok {
			s.Detach()
			return
		}
		defer leave()
		h.Metrics.Resumed("resumed")
		defer CancelOnDisconnect(c)()
		h.view(ctx, c, s, viewing{pace: pace, withIDs: true, from: from, known: n})
	}
}

// nothingToResume tells an EventSource to stop (HTML, section 9.2.3: 204 does), and
// others why.
func (h *Handler) nothingToResume(c *app.RequestContext, why string) {
	h.Metrics.Resumed(why)
	c.Response.Header.Set("Typewriter-Resume", why)
	c.SetStatusCode(http.StatusNoContent)
}

// find attaches the client to a stream, of this replica or another. If that one is
// lost, the chat goes on with this client's credentials.
func (h *Handler) find(ctx context.Context, c *app.RequestContext, id string) (*streams.Stream, error) {
	if !isStreamID(id) {
		return nil, streams.ErrGone
	}
	header := h.upstreamHeader(c)
	return h.Streams.Find(ctx, id, h.owner(c), func(ctx context.Context, seen iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
		return h.proceed(ctx, header, seen)
	})
}

// isStreamID reports whether an id has the form of a stream's: 26 characters of
// base 32.
func isStreamID(id string) bool {
	return len(id) == 26 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// skip serves POST /typewriter/streams/{id}/skip: what waits is typed at once, for
// every viewer, and what comes later as it arrives.
func (h *Handler) skip(ctx context.Context, c *app.RequestContext) {
	h.act(ctx, c, func(s *streams.Stream) { s.Skip(ctx) })
}

// cancel serves DELETE /typewriter/streams/{id}: the upstream stops to answer, and
// every viewer's stream ends in order.
func (h *Handler) cancel(ctx context.Context, c *app.RequestContext) {
	h.act(ctx, c, func(s *streams.Stream) { s.Cancel(ctx) })
}

// act does something with a stream.
func (h *Handler) act(ctx context.Context, c *app.RequestContext, do func(*streams.Stream)) {
	s, err := h.find(ctx, c, c.Param("id"))
	switch {
	case errors.Is(err, streams.ErrUnavailable):
		h.unavailable(c)
	case err != nil:
		fail(c, http.StatusNotFound, codeNotFound, "no such stream")
	default:
		defer s.Detach()
		do(s)
		c.SetStatusCode(http.StatusNoContent)
	}
}

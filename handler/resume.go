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

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/jsonx"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/typewriter"
)

// streamsPath is the path of streams; a stream's id follows.
const streamsPath = "/typewriter/streams/"

// headerResume explains why there is nothing to resume; the values are outcomes of
// [metrics.Metrics.Resumed]. On a new stream, unavailable warns: other replicas may not
// find the stream.
const headerResume = "Typewriter-Resume"

// isEventSourcePath reports whether a path serves EventSource clients.
func isEventSourcePath(path string) bool {
	return path == chatPath || path == summarizePath || strings.HasPrefix(path, streamsPath)
}

// prefersAsync reports whether a client wants the URL of the stream instead of the stream
// (RFC 7240, section 4.1).
func prefersAsync(c *app.RequestContext) bool {
	for preference := range strings.SplitSeq(c.Request.Header.Get("Prefer"), ",") {
		if strings.EqualFold(strings.TrimSpace(preference), "respond-async") {
			return true
		}
	}
	return false
}

// lastEventID returns the id of the last event received by a client, from the header or,
// for clients without control of headers, from the query.
func lastEventID(c *app.RequestContext) string {
	return cmp.Or(sse.GetLastEventID(c), c.Query("lastEventId"))
}

// isReconnect reports whether a request comes from a reconnecting EventSource.
func isReconnect(c *app.RequestContext) bool { return c.IsGet() && lastEventID(c) != "" }

// attach serves GET /typewriter/streams/{id}: a stream from the beginning, or behind the
// last event received by the client.
func (h *Handler) attach(ctx context.Context, c *app.RequestContext) {
	if _, ok := h.readBody(c); !ok { // any body is ignored
		return
	}
	id := c.Param("id")
	last := lastEventID(c)
	if last == "" {
		h.resumeFrom(ctx, c, id, streams.Cursor{})
		return
	}
	if !strings.HasPrefix(last, id+":") {
		fail(c, otherStream)
		return
	}
	h.resume(ctx, c, last)
}

// otherStream is the error for the event id of another stream.
var otherStream = apierror.BadRequest.WithMsg("last event id is not one of this stream")

// resume continues a stream after the event with an id.
func (h *Handler) resume(ctx context.Context, c *app.RequestContext, last string) {
	id, cursor, ok := strings.Cut(last, ":")
	from, err := streams.ParseCursor(cursor)
	if !ok || err != nil || !streams.ValidID(id) {
		fail(c, apierror.BadRequest.WithMsg("last event id is malformed: want stream:entry.offset"))
		return
	}
	h.resumeFrom(ctx, c, id, from)
}

func (h *Handler) resumeFrom(ctx context.Context, c *app.RequestContext, id string, from streams.Cursor) {
	if _, err := targetOf(c).upstream.pace(c); err != nil {
		failBadRequest(c, err)
		return
	}
	s, err := h.find(ctx, c, id, from)
	switch {
	case errors.Is(err, streams.ErrUnavailable):
		h.options.Metrics.Resumed(metrics.ResumeUnavailable)
		h.failUnavailable(c, err)
		return
	case err != nil:
		h.respondNoContent(c, metrics.ResumeGone)
		return
	case !s.Resumable():
		s.Detach()
		h.respondNoContent(c, metrics.ResumeGone)
		return
	}
	pace, err := settingsOf(c).upstreams.find(s.Origin).pace(c)
	if err != nil {
		s.Detach()
		failBadRequest(c, err)
		return
	}
	position, err := s.Seek(ctx, from)
	n, ended := s.View().Len()
	switch {
	case errors.Is(err, streams.ErrUnavailable):
		s.Detach()
		h.options.Metrics.Resumed(metrics.ResumeUnavailable)
		h.failUnavailable(c, err)
	case err != nil:
		s.Detach()
		fail(c, otherStream)
	case ended && position.Entry == n:
		s.Detach()
		h.respondNoContent(c, metrics.ResumeFinished)
	default:
		// Resuming does not count against the client's rate: an EventSource never
		// retries after an error.
		release, ok := h.admit.view(ctx, c, streams.BaseID(s.ID))
		if !ok {
			s.Detach()
			return
		}
		defer release()
		h.options.Metrics.Resumed(metrics.ResumeOK)
		defer hertzio.CancelOnDisconnect(c)()
		h.play(ctx, c, s, view{pace: pace, withIDs: true, from: position, known: n})
	}
}

// respondNoContent answers a request with nothing to resume, and why. The status 204 makes
// an EventSource stop (HTML, section 9.2.3).
func (h *Handler) respondNoContent(c *app.RequestContext, outcome string) {
	h.options.Metrics.Resumed(outcome)
	c.Response.Header.Set(headerResume, outcome)
	c.SetStatusCode(http.StatusNoContent)
}

// find attaches the client to a stream of any replica. After the loss of the recording
// replica, this replica continues the chat with the client's credential.
func (h *Handler) find(ctx context.Context, c *app.RequestContext, id string, from streams.Cursor) (*streams.Stream, error) {
	if !streams.ValidID(id) {
		return nil, streams.ErrGone
	}
	lookup := streams.Lookup{ID: id, Owner: policyOf(c).Owner(c), From: from}
	link, isLink := linkOf(c)
	lookup.Link, lookup.Right = link.token, link.right
	if !isLink || len(policyOf(c).Keys) > 0 { // otherwise only the owner has the credential for the service
		header := newFollowUp(c)
		lookup.Continue = func(ctx context.Context, from streams.Origin, recorded iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
			return h.recorder.proceed(ctx, header, from, recorded)
		}
	}
	return h.options.Streams.Find(ctx, lookup)
}

// skip serves POST /typewriter/streams/{id}/skip: every viewer gets the backlog at once,
// and the rest of the answer without pacing.
func (h *Handler) skip(ctx context.Context, c *app.RequestContext) {
	h.withStream(ctx, c, func(s *streams.Stream) {
		s.Skip(ctx)
		c.SetStatusCode(http.StatusNoContent)
	})
}

// cancel serves DELETE /typewriter/streams/{id}: the answer is canceled at the upstream,
// and the stream ends in order for every viewer. With the parameter at, the id of an event,
// the stream ends behind the event for later viewers.
func (h *Handler) cancel(ctx context.Context, c *app.RequestContext) {
	if c.QueryArgs().Has("at") {
		h.stopAt(ctx, c, c.Param("id"), c.Query("at"))
		return
	}
	h.withStream(ctx, c, func(s *streams.Stream) {
		s.Cancel(ctx)
		c.SetStatusCode(http.StatusNoContent)
	})
}

// stopAt stops a stream behind an event, and answers with the id of the last event for later
// viewers and the number of grapheme clusters up to there.
func (h *Handler) stopAt(ctx context.Context, c *app.RequestContext, id, event string) {
	last, cursor, _ := strings.Cut(event, ":")
	at, err := streams.ParseCursor(cursor)
	if err != nil || last != id {
		fail(c, apierror.BadRequest.WithMsg("at is not the id of an event of this stream"))
		return
	}
	h.withStream(ctx, c, func(s *streams.Stream) {
		if !s.Resumable() {
			fail(c, apierror.BadRequest.WithMsg("at is for streams with event ids"))
			return
		}
		log, err := s.StopAt(ctx, at)
		switch {
		case errors.Is(err, streams.ErrUnavailable):
			h.failUnavailable(c, err)
		case err != nil:
			fail(c, apierror.BadRequest.WithMsg("at is not the id of an event of this stream"))
		default:
			c.Data(http.StatusOK, "application/json", jsonx.Marshal(struct {
				Graphemes int `json:"graphemes"`
			}{log.Backlog(typewriter.Position{})}))
		}
	})
}

// withStream calls f with the stream of a request. f answers the client.
func (h *Handler) withStream(ctx context.Context, c *app.RequestContext, f func(*streams.Stream)) {
	s, err := h.find(ctx, c, c.Param("id"), streams.Cursor{})
	switch {
	case errors.Is(err, streams.ErrUnavailable):
		h.failUnavailable(c, err)
	case err != nil:
		fail(c, apierror.NotFound.WithMsg("no such stream"))
	default:
		defer s.Detach()
		f(s)
	}
}

package handler

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/route"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/upstream"
)

// forwarder serves all requests without a route.
type forwarder struct {
	*Handler
	routes func() route.RoutesInfo
}

func newForwarder(h *Handler, routes func() route.RoutesInfo) forwarder {
	return forwarder{h, routes}
}

// forward forwards a request to the AI service, and the reply, both unchanged and as they
// arrive.
func (f forwarder) forward(ctx context.Context, c *app.RequestContext) {
	to := targetOf(c)
	if !f.mayForward(c, to) || !f.authenticate(c) {
		return
	}
	if to.pattern != "" {
		f.chat(ctx, c)
		return
	}
	v, ok := f.mayBecomeView(ctx, c)
	if !ok {
		return
	}
	if key := f.repeatableKey(c); key != "" {
		f.forwardRepeatable(ctx, c, key, v)
		return
	}
	if !f.admit.allow(ctx, c) {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.lifecycle.shutdownCtx, cancel)() //nolint:contextcheck // the request ends with either context

	req := buildForward(c, to)
	if req.Method == http.MethodPost && to.upstream.Formats.RetriesAsGet(req.Path) {
		f.forwardOrGet(ctx, c, req)
		return
	}
	f.forwardUpload(ctx, c, req, v)
}

// mayForward reports whether a request is for the AI service. Any other request has been
// answered.
func (f forwarder) mayForward(c *app.RequestContext, to *target) bool {
	switch {
	case to.err != nil:
		failUnread(c, apierror.BadRequest.WithMsg(to.err.Error()))
	case to.own && c.Response.StatusCode() == http.StatusMethodNotAllowed:
		c.Response.Header.Set("Allow", f.allowed(string(c.Path())))
		failUnread(c, apierror.MethodNotAllowed.WithMsg("method "+string(c.Method())+" is not served at "+to.path))
	case to.own:
		failUnread(c, apierror.NotFound.WithMsg("no such path: "+to.path))
	default:
		return true
	}
	return false
}

// forwardUpload forwards a request while the body arrives. v is the view of a reply that is
// recognized as a stream.
func (f forwarder) forwardUpload(ctx context.Context, c *app.RequestContext, req upstream.Request, v view) {
	upload := hertzio.NewUpload(c, f.options.MaxUploadBytes)
	if upload == nil {
		defer hertzio.CancelOnDisconnect(c)()
	} else {
		defer upload.Stop(c)
		req.Upload, req.Length = upload, upload.Len()
	}
	e, err := f.openForwarded(ctx, c, req)
	rejected := upload.Err()
	switch {
	case errors.Is(rejected, hertzio.ErrBodyTooLarge) || err != nil && rejected != nil:
		if err == nil {
			e.close()
		}
		f.errors.rejectBody(c, rejected, f.options.MaxUploadBytes)
		return
	case err != nil:
		f.errors.failUpstream(c, err)
		return
	}
	if upload.IsComplete() && f.playRecognized(ctx, c, e, v) {
		return
	}
	defer e.close()
	if !upload.IsComplete() {
		c.SetConnectionClose() // the rest of the body is not read
	}
	f.passReply(c, e.reply)
}

// forwardOrGet forwards a POST, and repeats the request as a GET for an upstream without
// the POST.
func (f forwarder) forwardOrGet(ctx context.Context, c *app.RequestContext, req upstream.Request) {
	body, ok := f.readBody(c)
	if !ok {
		return
	}
	defer hertzio.CancelOnDisconnect(c)()
	get := upstream.Request{Method: http.MethodGet, Path: req.Path, Query: req.Query, Header: req.Header.Clone()}
	req.Body = body
	reply, err := targetOf(c).upstream.Client.Do(ctx, req)
	if err == nil && (reply.Status == http.StatusNotFound || reply.Status == http.StatusMethodNotAllowed) {
		reply.Close()
		get.Header.Del("Content-Type")
		reply, err = targetOf(c).upstream.Client.Do(ctx, get)
	}
	if err != nil {
		f.errors.failUpstream(c, err)
		return
	}
	f.passReply(c, reply)
}

// allowed returns the methods of a path, for the Allow header.
func (f forwarder) allowed(path string) string {
	var methods []string
	for _, r := range f.routes() {
		if matches(r.Path, path) {
			methods = append(methods, r.Method)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// matches reports whether a path matches the pattern of a route. In a pattern, a segment
// with a colon matches any segment; a segment with a star matches the rest of the path.
func matches(pattern, path string) bool {
	wants, segments := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, want := range wants {
		switch {
		case i >= len(segments):
			return false
		case strings.HasPrefix(want, "*"):
			return true
		case want != segments[i] && !strings.HasPrefix(want, ":"):
			return false
		}
	}
	return len(wants) == len(segments)
}

// passReply sends a reply of the upstream to the client unchanged, piece by piece, and
// closes the reply. A truncated reply ends with a broken connection.
func (h *Handler) passReply(c *app.RequestContext, reply *upstream.Reply) {
	defer reply.Close()
	header := reply.Header
	dropHopByHop(header)
	settingsOf(c).cors.Strip(header)
	size := replySize(c, reply)
	header.Del("Content-Length")
	if formatOf(c).RequestIDHeader != headerRequestID {
		header.Del(headerRequestID) // the response has the server's own
	}
	c.SetStatusCode(reply.Status)
	c.Response.Header.SetNoDefaultContentType(true) // only the upstream knows the type
	for name, values := range header {
		setHeader(c, name, values)
	}
	hertzio.NewResponseWriter(c, size).CopyFrom(reply.Body)
	h.options.Logger.Debug("reply passed on", "upstream", targetOf(c).upstream.label(), "route", routeOf(c), "logid", header.Get(formatOf(c).RequestIDHeader),
		"request_id", c.Request.Header.Get(headerRequestID), "key", policyOf(c).KeyName(c), "status", reply.Status, "duration", time.Since(c.GetTime(arrivedKey)))
}

// replySize returns the size of a reply's body. Responses to HEAD, and those with certain
// statuses, have no body, not even the end of chunks (RFC 9110, section 6.4.1).
func replySize(c *app.RequestContext, reply *upstream.Reply) int {
	size, err := strconv.Atoi(reply.Header.Get("Content-Length"))
	switch {
	case reply.Status == http.StatusNoContent || reply.Status == http.StatusNotModified:
		return hertzio.NoBody
	case err == nil:
		return size
	case c.Request.Header.IsHead():
		return hertzio.NoBody
	default:
		return hertzio.UnknownSize
	}
}

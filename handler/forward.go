package handler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/streams"
	"sse-typewriter/upstream"
)

// apiPrefixes are the paths of the AI service. Below them, what we do not serve
// ourselves is forwarded.
var apiPrefixes = []string{"/v1/", "/v3/", "/api/", "/open_api/"}

// getPaths are served on GET alone by coze-studio, while official SDKs POST them.
var getPaths = []string{"/v3/chat/retrieve", "/v3/chat/message/list"}

// streamPaths are those whose replies are streams that we only forward.
var streamPaths = []string{"/v1/workflow/stream_run", "/v1/workflow/stream_resume"}

// errPath is how a path fails that could lead out of the upstream's API.
var errPath = errors.New("path is not allowed")

// apiPath returns the path of a request's target as it goes upstream: as it came,
// but without doubled slashes, which SDKs make of a base URL that ends with one.
// It refuses what a server in between might take for another path.
func apiPath(target string) (path string, isAPI bool, err error) {
	path, _, _ = strings.Cut(target, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " #") ||
		strings.ContainsFunc(decoded, func(r rune) bool { return r < ' ' || r == 0x7F || r == '\\' }) {
		return "", false, fmt.Errorf("%w: %q", errPath, path)
	}
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	for segment := range strings.SplitSeq(decoded, "/") {
		if segment == "." || segment == ".." {
			return "", false, fmt.Errorf("%w: %q", errPath, path)
		}
	}
	return path, slices.ContainsFunc(apiPrefixes, func(p string) bool { return strings.HasPrefix(path, p) }), nil
}

// forward serves all that no other route does: it sends the request upstream and
// the reply back, both as they come.
func (h *Handler) forward(ctx context.Context, c *app.RequestContext) {
	target := string(c.Request.Header.RequestURI())
	path, isAPI, err := apiPath(target)
	switch {
	case err != nil:
		h.refuse(c, http.StatusBadRequest, codeBadRequest, err.Error())
		return
	case !isAPI && c.Response.StatusCode() == http.StatusMethodNotAllowed: // Hertz has set it
		c.Response.Header.Set("Allow", h.allowed(string(c.Path())))
		h.refuse(c, http.StatusMethodNotAllowed, codeBadRequest, "method "+string(c.Method())+" is not served at "+path)
		return
	case !isAPI:
		h.refuse(c, http.StatusNotFound, codeNotFound, "no such path: "+path)
		return
	}
	if !h.authorize(c) {
		return
	}
	leave, ok := h.admitForwarded(ctx, c, path)
	if !ok {
		return
	}
	defer leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.ending, cancel)() //nolint:contextcheck // it ends with either

	_, query, _ := strings.Cut(target, "?")
	req := upstream.Request{
		Method: string(c.Method()),
		Path:   path,
		Query:  upstreamQuery(query, h.withoutKey()...),
		Header: h.upstreamHeader(c),
	}
	if req.Method == http.MethodPost && slices.Contains(getPaths, path) {
		h.forwardOrGet(ctx, c, req)
		return
	}
	up := newUpload(c, h.MaxUploadBytes)
	if up == nil {
		defer CancelOnDisconnect(c)()
	} else {
		defer up.stop(c)
		req.Upload, req.Length = up, up.length
	}
	reply, err := h.Upstream.Do(ctx, req)
	switch {
	case up.isTooLarge():
		if err == nil {
			reply.Close()
		}
		h.refuseLarge(c, h.MaxUploadBytes)
		return
	case err != nil && up.isSlow():
		refuseSlow(c)
		return
	case err != nil:
		h.failOpen(c, err)
		return
	}
	if !up.isRead() {
		c.SetConnectionClose() // and say so: what is left of the body is not read
	}
	h.passReply(c, reply)
}

// admitForwarded lets a client have a request forwarded until leave is called, or answers
// it. A stream takes a place as those do that are read here.
func (h *Handler) admitForwarded(ctx context.Context, c *app.RequestContext, path string) (leave func(), ok bool) {
	isStream := slices.Contains(streamPaths, path)
	if isStream && h.refuseNew(c) || !h.mayAsk(ctx, c) {
		return nil, false
	}
	if !isStream {
		return func() {}, true
	}
	return h.takePlace(ctx, c, h.views, streams.NewID())
}

// allowed names the methods that are served at a path.
func (h *Handler) allowed(path string) string {
	var methods []string
	for _, r := range h.routes() {
		if matches(r.Path, path) {
			methods = append(methods, r.Method)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// matches reports whether a path is one of a route's, in which a segment that begins with
// a colon stands for any, and one that begins with a star for all that follow.
func matches(route, path string) bool {
	wants, rest := strings.Split(route, "/"), strings.Split(path, "/")
	for i, want := range wants {
		switch {
		case i >= len(rest):
			return false
		case strings.HasPrefix(want, "*"):
			return true
		case want != rest[i] && !strings.HasPrefix(want, ":"):
			return false
		}
	}
	return len(wants) == len(rest)
}

// forwardOrGet forwards a POST, and asks again by GET if the upstream serves only
// that.
func (h *Handler) forwardOrGet(ctx context.Context, c *app.RequestContext, req upstream.Request) {
	body, ok := h.readBody(c)
	if !ok {
		return
	}
	defer CancelOnDisconnect(c)()
	get := upstream.Request{Method: http.MethodGet, Path: req.Path, Query: req.Query, Header: req.Header.Clone()}
	req.Body = body
	reply, err := h.Upstream.Do(ctx, req)
	if err == nil && (reply.Status == http.StatusNotFound || reply.Status == http.StatusMethodNotAllowed) {
		reply.Close()
		get.Header.Del("Content-Type")
		reply, err = h.Upstream.Do(ctx, get)
	}
	if err != nil {
		h.failOpen(c, err)
		return
	}
	h.passReply(c, reply)
}

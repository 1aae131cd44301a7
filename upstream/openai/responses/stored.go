package responses

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/upstream"
)

// isCreate reports whether a path is that of requests for a new response.
func isCreate(path string) bool { return strings.HasSuffix(path, pathCreate) }

// note implements [upstream.Format.Note]: the target of the request, if the service stores
// the response and continues it without a connection, or "". Of the query, only parameters
// that later requests need are kept.
func note(r upstream.Request) string {
	if r.Method == http.MethodPost && !gjson.GetBytes(r.Body, "background").Bool() {
		return ""
	}
	query, _ := url.ParseQuery(r.Query) // malformed parameters count as missing
	kept := url.Values{}
	for _, name := range []string{paramVersion, paramAfter} {
		if query.Has(name) {
			kept.Set(name, query.Get(name))
		}
	}
	return r.Path + "?" + kept.Encode()
}

// Parameters of a query.
const (
	paramVersion = "api-version" // of Azure
	paramAfter   = "starting_after"
)

// stored is a response that the service stores and continues without a connection.
type stored struct {
	client *upstream.Client
	header http.Header // credentials
	path   string      // of the response, or of new responses
	query  url.Values
}

// newStored returns the response of a stream, given the opening. It reports false for a
// response that ends with the connection.
func newStored(c *upstream.Client, opening upstream.Opening) (s stored, ok bool) {
	path, query, ok := strings.Cut(opening.Note, "?")
	values, _ := url.ParseQuery(query)
	return stored{client: c, header: credentials(opening.Header), path: path, query: values}, ok
}

// request returns a request about the response with an id, which the path may contain, and a
// path below that of the response.
func (s stored) request(method, id, below string, query url.Values) upstream.Request {
	path := s.path
	if isCreate(path) {
		path += "/" + url.PathEscape(id)
	}
	if version := s.query.Get(paramVersion); version != "" {
		query.Set(paramVersion, version)
	}
	return upstream.Request{Method: method, Path: path + below, Query: query.Encode(), Header: s.header.Clone()}
}

// after returns the sequence number after which the stream began, or "".
func (s stored) after() string { return s.query.Get(paramAfter) }

// credentials returns a copy of the headers with a credential or with options of the
// service, for other requests about the same response.
func credentials(header http.Header) http.Header {
	kept := http.Header{}
	for name, values := range header {
		if name := http.CanonicalHeaderKey(name); name == "Authorization" || name == "Api-Key" || strings.HasPrefix(name, "Openai-") {
			kept[name] = append(kept[name], values...)
		}
	}
	return kept
}

// cancel implements [upstream.Format.Cancel]. A response that is not stored ends with the
// connection.
func cancel(ctx context.Context, c *upstream.Client, opening upstream.Opening, chat upstream.Chat) (usage upstream.Usage, err error) {
	s, ok := newStored(c, opening)
	if !ok {
		return usage, nil
	}
	reply, err := c.Do(ctx, s.request(http.MethodPost, chat.ID, pathCancel, url.Values{}))
	if err != nil {
		return usage, fmt.Errorf("cannot cancel response: %w", err)
	}
	defer reply.Close()
	if reply.Status >= http.StatusBadRequest {
		return usage, fmt.Errorf("cannot cancel response: upstream answered with status %s", strconv.Itoa(reply.Status))
	}
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxCanceled))
	if reported := readUsage(gjson.ParseBytes(body)); err == nil && gjson.ValidBytes(body) && reported != nil {
		usage = *reported
	}
	return usage, nil
}

// maxCanceled bounds the size of the reply to a cancellation, which holds the whole answer. The
// tokens of a larger one are unknown.
const maxCanceled = 1 << 20

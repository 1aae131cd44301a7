package handler

import (
	"cmp"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/internal/hertzio"
	"sse-typewriter/upstream"
)

// buildQuestion returns the upstream request that asks a question, with the header of a client's
// request and a query.
func buildQuestion(c *app.RequestContext, q upstream.Question, query string) (upstream.Request, error) {
	to := targetOf(c).upstream
	format := ownFormat(to.Formats)
	req, err := format.Ask(q)
	if err != nil {
		return upstream.Request{}, err
	}
	header := upstreamHeader(c)
	maps.Copy(header, req.Header)
	req.Format, req.Header = format, header
	if format.Translation == nil { // otherwise the service does not know the parameters
		req.Query = query
	}
	addToken(c, &req, to, format)
	return req, nil
}

// readQuestion returns the question of a request without a JSON body. The message is the
// plain text of the request or the query parameter message (or q); the query may also
// have bot_id and user_id.
func readQuestion(c *app.RequestContext, plain []byte) upstream.Question {
	q := upstream.Question{Bot: c.Query("bot_id"), User: c.Query("user_id")}
	if message := cmp.Or(string(plain), c.Query("message"), c.Query("q")); message != "" {
		q.Messages = []upstream.Message{{Role: "user", Text: message}}
	}
	return q
}

// isPlainText reports whether the body of a request is plain text.
func isPlainText(c *app.RequestContext) bool {
	kind, _, err := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	return err == nil && kind == "text/plain"
}

// readBody returns the body of a request. If the body is too large or cannot be read,
// readBody answers the client and reports false.
func (h *Handler) readBody(c *app.RequestContext) (body []byte, ok bool) {
	body, err := hertzio.ReadBody(c, h.options.MaxBodyBytes)
	if err != nil {
		h.errors.rejectBody(c, err, int64(h.options.MaxBodyBytes))
		return nil, false
	}
	return body, true
}

// ownQuery are the query parameters of readQuestion. The upstream gets them in the body
// only.
var ownQuery = []string{"message", "q", "bot_id", "user_id"}

// queryWithout returns a query without some parameters, and without the empty ones that a format
// omits, otherwise byte for byte.
func queryWithout(c *app.RequestContext, raw string, without []string) string {
	formats := targetOf(c).upstream.Formats
	pairs := slices.DeleteFunc(strings.Split(raw, "&"), func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		return value == "" && formats.OmitsEmpty(name) || slices.Contains(without, name)
	})
	return strings.Join(pairs, "&")
}

// hopByHop are the headers of a connection (RFC 9110, section 7.6.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// notUpstream are headers for this server, or set anew for the upstream.
var notUpstream = []string{"Host", "Content-Length", "Accept-Encoding", "Expect", "Last-Event-Id", "Prefer"}

// upstreamHeader returns the header of an upstream request: the client's, without the headers of
// the connection and those for this server.
func upstreamHeader(c *app.RequestContext) http.Header {
	header := http.Header{}
	c.Request.Header.VisitAll(func(key, value []byte) {
		header.Add(string(key), string(value))
	})
	dropHopByHop(header)
	for _, name := range notUpstream {
		header.Del(name)
	}
	for _, p := range paceParams {
		header.Del(p.header)
	}
	policyOf(c).SetUpstreamHeader(c, header)
	return header
}

// dropHopByHop removes the headers of a connection, including those named by the
// Connection header.
func dropHopByHop(header http.Header) {
	for _, names := range header.Values("Connection") {
		for name := range strings.SplitSeq(names, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		header.Del(name)
	}
}

// buildChat returns the upstream request of a chat. At the server's own path, an empty or
// plain-text body is a question, and so is any body in a translated format.
func buildChat(c *app.RequestContext, body []byte) (upstream.Request, error) {
	without := policyOf(c).KeyParameters()
	for _, p := range paceParams {
		without = append(without, p.query)
	}
	query := string(c.Request.URI().QueryString())
	if c.FullPath() != "" && targetOf(c).path == chatPath && (len(body) == 0 || isPlainText(c)) {
		return buildQuestion(c, readQuestion(c, body), queryWithout(c, query, append(without, ownQuery...)))
	}
	to := targetOf(c)
	if translation := to.format.Translation; translation != nil {
		q, err := translation.ReadQuestion(body)
		if err != nil {
			return upstream.Request{}, err
		}
		return buildQuestion(c, q, "")
	}
	req := upstream.Request{
		Method: string(c.Method()),
		Format: to.format,
		Path:   to.path,
		Query:  queryWithout(c, query, without),
		Header: upstreamHeader(c),
		Body:   body,
	}
	addToken(c, &req, to.upstream, to.format)
	return req, nil
}

// buildForward returns the upstream request for one that is only forwarded, without the body.
func buildForward(c *app.RequestContext, to *target) upstream.Request {
	_, query, _ := strings.Cut(string(c.Request.Header.RequestURI()), "?")
	req := upstream.Request{
		Method: string(c.Method()),
		Path:   to.path,
		Query:  queryWithout(c, query, policyOf(c).KeyParameters()),
		Header: upstreamHeader(c),
	}
	addToken(c, &req, to.upstream, to.format)
	return req
}

// addToken adds the upstream's token to a request of a client without a credential.
func addToken(c *app.RequestContext, req *upstream.Request, to *Upstream, format *upstream.Format) {
	if to.Token != "" && !policyOf(c).HasCredential(c) {
		format.SetToken(req, to.Token)
	}
}

// newFollowUp returns a function that returns the header for requests about a chat of a format,
// with the credential of the client. The function may be called after the request.
func newFollowUp(c *app.RequestContext) followUp {
	header, hasCredential := upstreamHeader(c), policyOf(c).HasCredential(c)
	return func(to *Upstream, format *upstream.Format) http.Header {
		req := upstream.Request{Header: header.Clone()}
		if to.Token != "" && !hasCredential {
			format.SetToken(&req, to.Token)
		}
		return req.Header
	}
}

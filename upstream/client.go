package upstream

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"sse-typewriter/internal/apierror"

	"resty.dev/v3"
)

// Client sends requests to an AI service. Set the fields before the first use. A Client is
// safe for concurrent use.
type Client struct {
	// BaseURL precedes the paths of requests, without a trailing slash.
	BaseURL string

	// IdleTimeout bounds the pauses within a reply, and MaxTime a request in total.
	IdleTimeout, MaxTime time.Duration

	// FirstTextTimeout bounds the time from a request to the first output of the model in a
	// stream (see [Kind.IsOutput]), whatever else the stream contains. Zero means no bound.
	FirstTextTimeout time.Duration

	// MaxEventBytes bounds the size of a single event.
	MaxEventBytes int

	// RecoveryTimeout is how long to wait for the rest of an answer after its stream was
	// cut, and for each further event of the rest. Zero disables recovery.
	RecoveryTimeout time.Duration

	resty *resty.Client
}

// NewTransport returns a transport for many streams to one host. connect bounds dialing
// and the TLS handshake; header bounds the time from the request to the reply's header.
func NewTransport(connect, header time.Duration) *http.Transport {
	const (
		idleConnections = 1024 // as many streams may end together
		writeBuffer     = 1 << 10
		readBuffer      = 2 << 10 // per live stream; a delta has about 300 bytes
	)
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connect}).DialContext,
		TLSHandshakeTimeout:   connect,
		ResponseHeaderTimeout: header,
		MaxIdleConns:          idleConnections,
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
		WriteBufferSize:       writeBuffer,
		ReadBufferSize:        readBuffer,
	}
}

// NewClient returns a client for the service at a base URL. The client stores no cookies,
// follows no redirects and retries nothing. Close ends idle connections.
func NewClient(baseURL string, transport http.RoundTripper) *Client {
	rc := resty.NewWithClient(&http.Client{Transport: transport})
	rc.SetRedirectPolicy(resty.RedirectNoPolicy())
	rc.SetResponseDoNotParse(true)
	rc.SetMethodGetAllowPayload(true)
	rc.SetMethodDeleteAllowPayload(true)
	// Replies pass through as they arrive, without decompression.
	clear(rc.ContentDecompressers())
	rc.SetLogger(discardLogger{})
	return &Client{
		BaseURL:         strings.TrimRight(baseURL, "/"),
		IdleTimeout:     DefaultIdleTimeout,
		MaxTime:         DefaultMaxTime,
		MaxEventBytes:   DefaultMaxEventBytes,
		RecoveryTimeout: DefaultRecoveryTimeout,
		resty:           rc,
	}
}

// discardLogger keeps resty from logging to standard error. Do returns every error.
type discardLogger struct{}

func (discardLogger) Errorf(string, ...any) {}
func (discardLogger) Warnf(string, ...any)  {}
func (discardLogger) Debugf(string, ...any) {}

// Defaults of [Client].
const (
	DefaultIdleTimeout     = 2 * time.Minute
	DefaultMaxTime         = time.Hour
	DefaultMaxEventBytes   = 8 << 20
	DefaultRecoveryTimeout = time.Minute
)

// Close closes idle connections.
func (c *Client) Close() error {
	c.resty.Client().CloseIdleConnections() // resty's Close does not
	return c.resty.Close()
}

// Request is a request to the upstream.
type Request struct {
	Method string

	// Format is the format of the events of the reply; nil if the stream is not decoded.
	Format *Format

	// Path begins with a slash, or is empty for the base URL itself; Query has no question
	// mark. Both are sent unchanged, but for percent-encoding of invalid characters.
	Path, Query string

	// Header is modified by Do.
	Header http.Header

	Body []byte

	// Upload, if not nil, replaces Body and is streamed to the upstream. Length is the
	// size of Upload in bytes, or -1 if unknown.
	Upload io.Reader
	Length int64
}

// Opening describes the request that opened a chat, for further requests about the chat.
type Opening struct {
	// Header is the header of the request, or of a later one with the credential of the
	// same client. It must not be changed.
	Header http.Header

	// Note is the result of [Format.Note].
	Note string
}

// Opening returns the opening of a chat. The request must have a format.
func (r Request) Opening() Opening {
	o := Opening{Header: r.Header.Clone()}
	if r.Format.Note != nil {
		o.Note = r.Format.Note(r)
	}
	return o
}

// Reply is an upstream's reply. The caller must close the reply.
type Reply struct {
	Status int
	Header http.Header
	Body   io.ReadCloser

	client   *Client
	format   *Format // of the request
	decoder  Decoder // nil without a format
	recovery Recovery
	sent     time.Time // when the request was sent

	// life bounds the reply and the recovery of the answer, until end is called. conn is
	// derived from life and bounds the connection alone, until drop is called.
	life context.Context
	end  context.CancelFunc
	conn context.Context
	drop context.CancelCauseFunc

	// chat outlives the reply.
	chat *atomic.Pointer[Chat] // nil until an event names the chat
}

// Do sends a request and returns the reply as soon as the header has arrived. The error is
// an [*Error]. The reply's body fails when ctx is done.
func (c *Client) Do(ctx context.Context, req Request) (*Reply, error) {
	life, end := context.WithTimeoutCause(ctx, c.MaxTime, errMaxTime)
	conn, drop := context.WithCancelCause(life)
	header := req.Header
	if header == nil {
		header = http.Header{}
	}
	var decoder Decoder
	var recovery Recovery
	if wire := req.Format.wire(); wire != nil {
		decoder = wire.newDecoder(req.Body)
		recovery = wire.newRecovery(c, req.Opening()) // before header is changed
	}
	sent := time.Now()
	res, err := c.send(conn, req, header)
	if err != nil {
		defer end()
		defer drop(err)
		return nil, openError(conn, err)
	}
	reply := &Reply{
		Status:   res.StatusCode(),
		Header:   res.Header(),
		Body:     &idleTimeoutBody{ReadCloser: res.Body, drop: drop, timeout: c.IdleTimeout},
		client:   c,
		format:   req.Format,
		decoder:  decoder,
		recovery: recovery,
		sent:     sent,
		life:     life,
		end:      end,
		conn:     conn,
		drop:     drop,
		chat:     &atomic.Pointer[Chat]{},
	}
	if reply.IsStream() && reply.isCompressed() {
		reply.Close()
		return nil, apierror.Compressed
	}
	return reply, nil
}

// send sends a request with a header, and changes the header.
func (c *Client) send(ctx context.Context, req Request, header http.Header) (*resty.Response, error) {
	url := c.BaseURL + req.Path
	if req.Query != "" {
		url += "?" + req.Query
	}
	header.Set("Accept-Encoding", "identity") // a compressed stream would arrive in blocks
	for _, name := range []string{"Content-Type", "User-Agent"} {
		if _, ok := header[name]; !ok {
			header[name] = nil // otherwise resty sets its own
		}
	}
	r := c.resty.R().SetContext(ctx)
	r.Header = header
	switch {
	case req.Upload != nil:
		r.SetBody(req.Upload).SetContentLength(req.Length)
	case len(req.Body) > 0:
		r.SetBody(bytes.NewReader(req.Body))
	}
	return r.Execute(req.Method, url)
}

// IsStream reports whether the reply is an event stream with the framing, and the header, of
// its format.
func (r *Reply) IsStream() bool {
	wire := r.format.wire()
	if wire == nil {
		return r.isFramed(SSE)
	}
	return r.isFramed(wire.Framing) && (wire.MatchHeader == nil || wire.MatchHeader(r.Header))
}

// Chat returns a function for the stream's chat, which is unknown until an event names the
// chat. The function may be called while events are read, and does not keep the reply in
// memory.
func (r *Reply) Chat() func() Chat {
	chat := r.chat
	return func() Chat {
		if c := chat.Load(); c != nil {
			return *c
		}
		return Chat{}
	}
}

// maxErrorBody bounds the input of ReadError.
const maxErrorBody = 64 << 10

// ReadError returns the error in a reply without a stream. The request must have a format.
func (r *Reply) ReadError() *Error {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxErrorBody)) // a part is enough
	return r.format.wire().ReadError(r.Status, body)
}

// Close ends the reply and releases all resources, also during a read. Close may be called
// more than once.
func (r *Reply) Close() {
	r.end()
	_ = r.Body.Close() // there is nothing to do about an error, and nothing is lost
}

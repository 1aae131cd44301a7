package upstream

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"resty.dev/v3"
)

// Client opens requests at an AI service. Set the fields before its first use;
// none may be changed after. It is safe for concurrent use.
type Client struct {
	// BaseURL is what paths are appended to, without a slash at its end.
	BaseURL string

	// IdleTimeout is how long a reply may be silent, and MaxTime how long a request may
	// take in all.
	IdleTimeout, MaxTime time.Duration

	// MaxEventBytes is the size of the largest event that is read.
	MaxEventBytes int

	// RecoveryTimeout is how long the rest of an answer is waited for whose stream was
	// cut; 0: not at all.
	RecoveryTimeout time.Duration

	// KeepStudioDone leaves coze-studio's ending as it is; otherwise it is written
	// as Coze's, because @coze/api breaks on it.
	KeepStudioDone bool

	resty *resty.Client
}

// NewTransport returns a transport for many streams to one host. connect bounds
// how long dialing and the TLS handshake take, header how long the upstream may
// take to answer a request that it has got.
func NewTransport(connect, header time.Duration) *http.Transport {
	const (
		idleConnections = 1024 // streams that end together leave as many behind
		writeBuffer     = 1 << 10
		readBuffer      = 2 << 10 // for each live stream; a delta has 300 bytes
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

// NewClient returns a client for the service at a base URL. It keeps no cookies,
// follows no redirects and repeats no request. Close ends its idle connections.
func NewClient(baseURL string, transport http.RoundTripper) *Client {
	rc := resty.NewWithClient(&http.Client{Transport: transport})
	rc.SetRedirectPolicy(resty.RedirectNoPolicy())
	rc.SetResponseDoNotParse(true)
	rc.SetMethodGetAllowPayload(true)
	rc.SetMethodDeleteAllowPayload(true)
	// Decompressing is not our business: replies pass as they came.
	clear(rc.ContentDecompressers())
	rc.SetLogger(quiet{})
	return &Client{
		BaseURL:         strings.TrimRight(baseURL, "/"),
		IdleTimeout:     DefaultIdleTimeout,
		MaxTime:         DefaultMaxTime,
		MaxEventBytes:   DefaultMaxEventBytes,
		RecoveryTimeout: DefaultRecoveryTimeout,
		resty:           rc,
	}
}

// quiet is a log for resty, which else writes to the process's standard error: what
// matters is returned.
type quiet struct{}

func (quiet) Errorf(string, ...any) {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Debugf(string, ...any) {}

// Defaults of [Client].
const (
	DefaultIdleTimeout     = 2 * time.Minute
	DefaultMaxTime         = time.Hour
	DefaultMaxEventBytes   = 8 << 20
	DefaultRecoveryTimeout = time.Minute
)

// Close closes connections that are idle.
func (c *Client) Close() error {
	c.resty.Client().CloseIdleConnections() // resty's own Close does not
	return c.resty.Close()
}

// Request is what is sent.
type Request struct {
	Method string

	// Path begins with a slash; Query has no question mark. Both go as they are,
	// but for characters that no path may hold: they are percent-encoded.
	Path, Query string

	// Header is taken over, and changed.
	Header http.Header

	Body []byte

	// Upload is sent instead of Body when it is not nil, as fast as the upstream
	// takes it. Length is its size in bytes, -1 if that is not known.
	Upload io.Reader
	Length int64
}

// Reply is what came back. It must be closed.
type Reply struct {
	Status int
	Header http.Header
	Body   io.ReadCloser

	client      *Client
	credentials http.Header

	// ctx is the connection's, and ends with life, which is the reply's: a stream
	// whose connection was dropped may go on. See recovery.go.
	ctx    context.Context
	drop   context.CancelCauseFunc
	life   context.Context
	cancel context.CancelCauseFunc

	// chat is not a part of the reply: a stream needs it longer than that.
	chat *atomic.Pointer[chatName] // to nil: not yet named
}

// Do sends a request and returns the reply as soon as its header is there. The
// error is an [*Error]. When ctx is done, so is the reply's body.
func (c *Client) Do(ctx context.Context, req Request) (*Reply, error) {
	bounded, release := context.WithTimeoutCause(ctx, c.MaxTime, errLong)
	life, cancel := context.WithCancelCause(bounded)
	context.AfterFunc(life, release)
	ctx, drop := context.WithCancelCause(life)
	url := c.BaseURL + req.Path
	if req.Query != "" {
		url += "?" + req.Query
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	secrets := credentials(req.Header)
	// Compressed, a stream would come in blocks.
	req.Header.Set("Accept-Encoding", "identity")
	for _, name := range []string{"Content-Type", "User-Agent"} {
		if _, ok := req.Header[name]; !ok {
			req.Header[name] = nil // or resty would write its own
		}
	}
	r := c.resty.R().SetContext(ctx)
	r.Header = req.Header
	switch {
	case req.Upload != nil:
		r.SetBody(req.Upload).SetContentLength(req.Length)
	case len(req.Body) > 0:
		r.SetBody(bytes.NewReader(req.Body))
	}
	res, err := r.Execute(req.Method, url)
	if err != nil {
		defer cancel(err)
		defer drop(err)
		return nil, openError(ctx, err)
	}
	reply := &Reply{
		Status:      res.StatusCode(),
		Header:      res.Header(),
		Body:        &impatientBody{ReadCloser: res.Body, drop: drop, timeout: c.IdleTimeout},
		client:      c,
		credentials: secrets,
		ctx:         ctx,
		drop:        drop,
		life:        life,
		cancel:      cancel,
		chat:        &atomic.Pointer[chatName]{},
	}
	if encoding := reply.Header.Get("Content-Encoding"); reply.IsStream() && encoding != "" && encoding != "identity" {
		reply.Close()
		return nil, &Error{reasonCompressed, http.StatusBadGateway, 5024, "upstream sent a compressed stream", nil}
	}
	return reply, nil
}

// IsStream reports whether the reply is a stream of events. That is told by its
// own type: SDKs do not ask for one by an Accept header.
func (r *Reply) IsStream() bool {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && mediaType == "text/event-stream" && r.Status == http.StatusOK
}

// Chat returns a function that tells which chat a stream is of, once an event of it
// has; empty until then. It may be called while the events are read, and keeps nothing
// else of the reply.
func (r *Reply) Chat() func() (chatID, conversationID string) {
	chat := r.chat
	return func() (string, string) {
		if name := chat.Load(); name != nil {
			return name.id, name.conversation
		}
		return "", ""
	}
}

// Close ends the reply, also while it is being read.
func (r *Reply) Close() {
	r.cancel(context.Canceled)
	_ = r.Body.Close() // nothing can be done about it, and nothing is lost
}

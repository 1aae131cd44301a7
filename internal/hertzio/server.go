package hertzio

import (
	"context"
	"io"
	"time"

	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/network/standard"
)

const (
	// bodyBuffer is the part of a request body, in bytes, read by Hertz before the handler
	// runs.
	bodyBuffer = 64 << 10

	// maxHeader bounds the request line and the header of a request, in bytes.
	maxHeader = 64 << 10
)

// NewServer returns a Hertz server for the listener. The client has readTimeout for each
// read of a request header, and idleTimeout between requests. The first
// middleware must be [Track]. NewServer discards the log of Hertz: errors of requests
// reach their handlers.
func NewServer(listener *Listener, readTimeout, idleTimeout time.Duration) *server.Hertz {
	hlog.SetOutput(io.Discard)
	return server.New(
		server.WithListener(listener),
		// The standard transport reads on demand. netpoll reads everything a client
		// sends into memory.
		server.WithTransport(standard.NewTransporter),
		server.WithDisablePrintRoute(true),
		server.WithStreamBody(true),
		server.WithDisablePreParseMultipartForm(true),
		server.WithMaxRequestBodySize(bodyBuffer),
		server.WithMaxHeaderBytes(maxHeader),
		server.WithHandleMethodNotAllowed(true),
		server.WithRemoveExtraSlash(true),
		server.WithRedirectTrailingSlash(false),
		server.WithReadTimeout(readTimeout),
		server.WithIdleTimeout(idleTimeout),
		server.WithOnAccept(newContext),
		server.WithOnConnect(func(ctx context.Context, conn network.Conn) context.Context {
			// Hertz sets the timeout from the second request on.
			_ = conn.SetReadTimeout(readTimeout) // an error shows at the next read
			return ctx
		}),
		server.WithExitWaitTime(0),
		config.Option{F: func(o *config.Options) { o.NoDefaultServerHeader = true }},
	)
}

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"github.com/cloudwego/hertz/pkg/app/server"
	hertz "github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/cloudwego/hertz/pkg/network"
	"github.com/cloudwego/hertz/pkg/network/standard"

	"sse-typewriter/handler"
	"sse-typewriter/internal/config"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/limits/redislimits"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/streams/redisstore"
	"sse-typewriter/internal/summary"
	"sse-typewriter/upstream"
)

// standInPath is the path of the built-in mock.
const standInPath = "/upstream"

// sendBuffer is the size of the kernel's send buffer of a client connection, in bytes. The
// default of megabytes would hide a stalled client for the length of an answer.
const sendBuffer = 32 << 10

// listen opens the listener on the configured address.
func listen(ctx context.Context, conf *config.Config, logger *slog.Logger) (*hertzio.Listener, error) {
	address := conf.Addr
	config := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		var failed error
		err := conn.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(socket(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, sendBuffer)
		})
		return errors.Join(err, failed)
	}}
	listener, err := config.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("cannot serve on %s: the port is in use; choose another with --addr", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot serve on %s: %w", address, err)
	}
	return &hertzio.Listener{
		Listener:     listener,
		Max:          conf.MaxConnections,
		WriteTimeout: conf.WriteTimeout,
		Refusal:      handler.Refusal,
		Logger:       logger,
	}, nil
}

// checkDescriptors warns if the limit of file descriptors is too low for the maximum
// number of client connections, each with a connection to the upstream.
func checkDescriptors(connections int64, logger *slog.Logger) {
	const others = 64 // open files, and connections to Redis
	limit, ok := maxDescriptors()
	if !ok {
		return
	}
	if need := uint64(2*connections + others); limit < need {
		logger.Warn("file descriptor limit is too low for --max-connections",
			"max_connections", connections, "descriptors", limit, "needed", need)
	}
}

// displayAddr returns addr in a form that clients on this machine can connect to.
func displayAddr(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return addr.String()
}

// checkUpstream connects to the upstream's address, or the proxy's, so that a wrong URL is
// reported at startup and not by the first chat.
func checkUpstream(ctx context.Context, conf *config.Config) error {
	u, err := url.Parse(conf.Upstream)
	if err != nil {
		return err
	}
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u}); err == nil && proxy != nil {
		u = proxy
	}
	dialer := net.Dialer{Timeout: conf.UpstreamConnectTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), u.Scheme)))
	if err != nil {
		return fmt.Errorf("cannot reach upstream %s: %w", conf.Upstream, err)
	}
	return conn.Close()
}

func newEngine(listener net.Listener, conf *config.Config) *server.Hertz {
	hlog.SetOutput(io.Discard) // relevant errors are returned as well
	return server.New(
		server.WithListener(listener),
		// The standard transport reads a connection only when the handler does. The
		// default, netpoll, reads everything a client sends into memory.
		server.WithTransport(standard.NewTransporter),
		server.WithDisablePrintRoute(true),
		server.WithStreamBody(true),
		server.WithDisablePreParseMultipartForm(true),
		server.WithMaxRequestBodySize(bodyBuffer),
		server.WithMaxHeaderBytes(maxHeader),
		server.WithHandleMethodNotAllowed(true),
		server.WithRemoveExtraSlash(true),
		server.WithRedirectTrailingSlash(false),
		server.WithReadTimeout(conf.ReadTimeout),
		server.WithIdleTimeout(conf.IdleTimeout),
		server.WithOnAccept(hertzio.NewContext),
		server.WithOnConnect(func(ctx context.Context, conn network.Conn) context.Context {
			// Hertz sets the timeout itself from the second request on.
			_ = conn.SetReadTimeout(conf.ReadTimeout) // the next read reports an error
			return ctx
		}),
		server.WithExitWaitTime(0),
		hertz.Option{F: func(o *hertz.Options) { o.NoDefaultServerHeader = true }}, // do not reveal the server
	)
}

// bodyBuffer is the size of the part of a request body that Hertz reads before calling
// the handler, in bytes.
const bodyBuffer = 64 << 10

// maxHeader is the maximum size of a request header with its request line, in bytes.
const maxHeader = 64 << 10

func newClient(conf *config.Config, address string) *upstream.Client {
	c := upstream.NewClient(cmp.Or(conf.Upstream, address+standInPath), upstream.NewTransport(conf.UpstreamConnectTimeout, conf.UpstreamHeaderTimeout))
	c.IdleTimeout = conf.UpstreamIdleTimeout
	c.MaxTime = conf.UpstreamMaxTime
	c.MaxEventBytes = int(conf.MaxEventBytes)
	c.RecoveryTimeout = conf.RecoveryTimeout
	c.KeepStudioDone = conf.StudioDone == "keep"
	return c
}

func newHandler(conf *config.Config, client *upstream.Client, state state, logger *slog.Logger) (*handler.Handler, error) {
	paces, err := conf.Paces()
	if err != nil {
		return nil, err
	}
	botID := conf.BotID
	if botID == "" && conf.Upstream == "" {
		botID = "stand-in"
	}
	counts := metrics.New(metrics.Options{
		EventTypes: append(upstream.EventTypes(), summary.NamedEvent), UpstreamReasons: upstream.Reasons(),
		StoreBytes: state.streams.Bytes, StoreMaxBytes: state.streams.MaxBytes(),
	})
	return &handler.Handler{
		Upstream:       client,
		Paces:          paces,
		Mode:           conf.Mode,
		UpstreamToken:  conf.UpstreamToken,
		Keys:           conf.APIKeys,
		Origins:        conf.CORSOrigins,
		TrustedProxies: conf.TrustedProxies,
		MaxStreams:     conf.MaxStreams,
		Limits:         state.limits,
		BotID:          botID,
		UserID:         conf.UserID,
		Heartbeat:      conf.Heartbeat,
		MaxBodyBytes:   int(conf.MaxBodyBytes),
		MaxUploadBytes: int64(conf.MaxUploadBytes),

		SummarizeTimeout:  conf.SummarizeTimeout,
		MaxSummarizeBytes: int(conf.SummarizeMaxBytes),

		Streams: state.streams,
		Logger:  logger,
		Metrics: counts,
	}, nil
}

// state holds the streams and limits of this process, or of all replicas together.
type state struct {
	streams *streams.Registry
	limits  handler.Limiter
	close   func() // to be called once all streams have ended
}

// openState opens the streams and limits that the configuration describes.
func openState(ctx context.Context, conf *config.Config, logger *slog.Logger) (state, error) {
	options := streams.Options{
		MaxBytes: int64(conf.StoreMaxBytes), Grace: conf.ResumeGrace, Retention: conf.ResumeRetention,
		Full: upstream.ErrorEvent(upstream.ErrTooLarge), Broken: upstream.ErrorEvent(upstream.ErrInternal), Logger: logger,
	}
	if conf.InMemory() {
		registry := streams.NewRegistry(options)
		return state{registry, limits.NewLocal(conf.Bounds()), registry.Close}, nil
	}
	client, err := redisconn.Open(ctx, conf.Store, logger)
	if err != nil {
		return state{}, fmt.Errorf("--store: %w", err)
	}
	store := redisstore.Open(ctx, redisstore.Options{
		Client: client, Prefix: conf.StorePrefix, Grace: conf.ResumeGrace, Retention: conf.ResumeRetention, Logger: logger,
	})
	options.Store = store
	registry := streams.NewRegistry(options)
	limiter := redislimits.New(ctx, redislimits.Options{Client: client, Prefix: conf.StorePrefix, Bounds: conf.Bounds()})
	return state{registry, limiter, func() {
		limiter.Close()
		registry.Close()
		_ = store.Close() // the process exits
		_ = client.Close()
	}}, nil
}

func newLogger(conf *config.Config, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(conf.LogLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: %w", conf.LogLevel, err)
	}
	options := &slog.HandlerOptions{Level: level}
	if conf.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
}

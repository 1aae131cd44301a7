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
	"slices"
	"syscall"

	"sse-typewriter/handler"
	"sse-typewriter/internal/access"
	"sse-typewriter/internal/apierror"
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
	"sse-typewriter/upstream/coze"
	"sse-typewriter/upstream/house"
	"sse-typewriter/upstream/openai"
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
		ErrorReply:   handler.ErrorReply(newFormats(conf).Default()),
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

func newClient(conf *config.Config, address string) *upstream.Client {
	c := upstream.NewClient(cmp.Or(conf.Upstream, address+standInPath), upstream.NewTransport(conf.UpstreamConnectTimeout, conf.UpstreamHeaderTimeout))
	c.IdleTimeout = conf.UpstreamIdleTimeout
	c.MaxTime = conf.UpstreamMaxTime
	c.MaxEventBytes = int(conf.MaxEventBytes)
	c.RecoveryTimeout = conf.RecoveryTimeout
	return c
}

// newFormats returns the wire formats of the server, the format of the service first. This is
// the place to add one.
func newFormats(conf *config.Config) upstream.Formats {
	botID, model := conf.BotID, conf.Model
	if conf.Upstream == "" {
		botID, model = cmp.Or(botID, "stand-in"), cmp.Or(model, "gpt-4o")
	}
	formats := upstream.Formats{
		coze.New(coze.Options{BotID: botID, UserID: conf.UserID, KeepStudioDone: conf.StudioDone == "keep"}),
		openai.New(openai.Options{Model: model, SystemPrompt: conf.SystemPrompt, BaseURL: conf.Upstream}),
	}
	service := formats.Find(conf.UpstreamFormat)
	formats = slices.DeleteFunc(formats, func(f *upstream.Format) bool { return f == service })
	own := house.New(service)
	// The first format with the path of the server's own chats is theirs. A service with the
	// path needs no translation.
	return slices.Concat(upstream.Formats{service, own}, formats)
}

// newMetrics returns the metrics of a server with these formats and streams.
func newMetrics(formats upstream.Formats, registry *streams.Registry) *metrics.Metrics {
	return metrics.New(metrics.Options{
		EventTypes:       append(formats.EventNames(), summary.NamedEvent),
		Rejections:       apierror.Rejections(),
		UpstreamFailures: apierror.UpstreamFailures(),
		StoreBytes:       registry.Bytes,
		StoreMaxBytes:    registry.MaxBytes(),
	})
}

func newHandler(conf *config.Config, client *upstream.Client, state state, logger *slog.Logger) (*handler.Handler, error) {
	paces, err := conf.Paces()
	if err != nil {
		return nil, err
	}
	return handler.New(handler.Options{
		Upstream:          client,
		Formats:           state.formats,
		Streams:           state.streams,
		Metrics:           state.metrics,
		Logger:            logger,
		Paces:             paces,
		Mode:              conf.Mode,
		Heartbeat:         conf.Heartbeat,
		Keys:              conf.APIKeys,
		TrustedProxies:    conf.TrustedProxies,
		UpstreamToken:     conf.UpstreamToken,
		Origins:           conf.CORSOrigins,
		Limiter:           state.limits,
		MaxStreams:        conf.MaxStreams,
		MaxBodyBytes:      int(conf.MaxBodyBytes),
		MaxUploadBytes:    int64(conf.MaxUploadBytes),
		SummarizeTimeout:  conf.SummarizeTimeout,
		MaxSummarizeBytes: int(conf.SummarizeMaxBytes),
	}), nil
}

// state holds the streams and limits of this process, or of all replicas together, and
// the formats and metrics of this process.
type state struct {
	formats upstream.Formats
	streams *streams.Registry
	metrics *metrics.Metrics
	limits  access.Limiter
	close   func() // to be called once all streams have ended
}

// openState opens the streams and limits that the configuration describes.
func openState(ctx context.Context, conf *config.Config, logger *slog.Logger) (state, error) {
	formats := newFormats(conf)
	options := streams.Options{
		MaxBytes: int64(conf.StoreMaxBytes), Grace: conf.ResumeGrace, Retention: conf.ResumeRetention,
		Full: handler.ErrorEvents(formats, apierror.TooLarge), Broken: handler.ErrorEvents(formats, apierror.Internal),
		Knows: handler.KnowsFormat(formats), Logger: logger,
	}
	if conf.InMemory() {
		registry := streams.NewRegistry(options)
		return state{formats, registry, newMetrics(formats, registry), limits.NewLocal(conf.Bounds()), registry.Close}, nil
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
	return state{formats, registry, newMetrics(formats, registry), limiter, func() {
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

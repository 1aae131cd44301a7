package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
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
	"sse-typewriter/upstream/agui"
	"sse-typewriter/upstream/aisdk"
	"sse-typewriter/upstream/anthropic"
	"sse-typewriter/upstream/coze"
	"sse-typewriter/upstream/declarative"
	"sse-typewriter/upstream/dify"
	"sse-typewriter/upstream/gemini"
	"sse-typewriter/upstream/house"
	"sse-typewriter/upstream/ollama"
	"sse-typewriter/upstream/openai"
	"sse-typewriter/upstream/openai/responses"
)

// standInPath is the path of the built-in mock.
const standInPath = "/upstream"

// sendBuffer is the size of the kernel's send buffer of a client connection, in bytes. The
// default of megabytes would hide a stalled client for the length of an answer.
const sendBuffer = 32 << 10

// listen opens the listener on the configured address. errorFormat is the format of errors
// of malformed requests.
func listen(ctx context.Context, conf *config.Config, errorFormat *upstream.Format, logger *slog.Logger) (*hertzio.Listener, error) {
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
		ErrorReply:   handler.ErrorReply(errorFormat),
		Logger:       logger,
	}, nil
}

// checkDescriptors warns if the limit of file descriptors is too low for the maximum
// number of client connections, each with a connection to the upstream. The default number
// means nothing on a loopback address, as on a laptop.
func checkDescriptors(conf *config.Config, logger *slog.Logger) {
	const others = 64 // open files, and connections to Redis
	limit, ok := maxDescriptors()
	if !ok || conf.IsLoopback() && conf.MaxConnections == config.DefaultMaxConnections {
		return
	}
	if need := uint64(2*conf.MaxConnections + others); limit < need {
		logger.Warn("file descriptor limit is too low for --max-connections",
			"max_connections", conf.MaxConnections, "descriptors", limit, "needed", need)
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

// newClient returns the client of an upstream.
func newClient(conf *config.Config, baseURL string) *upstream.Client {
	c := upstream.NewClient(baseURL, upstream.NewTransport(conf.UpstreamConnectTimeout, conf.UpstreamHeaderTimeout))
	c.FirstTextTimeout = conf.UpstreamFirstTextTimeout
	c.IdleTimeout = conf.UpstreamIdleTimeout
	c.MaxTime = conf.UpstreamMaxTime
	c.MaxEventBytes = int(conf.MaxEventBytes)
	c.RecoveryTimeout = conf.RecoveryTimeout
	return c
}

// newUpstreams returns the upstreams of the server, without clients, and their settings.
func newUpstreams(conf *config.Config) (handler.Upstreams, []config.Upstream, error) {
	settings, err := conf.AllUpstreams()
	if err != nil {
		return nil, nil, err
	}
	described, err := readOwnFormats(conf)
	if err != nil {
		return nil, nil, err
	}
	var all handler.Upstreams
	for _, s := range settings {
		formats, err := newFormats(conf, s, described)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, &handler.Upstream{
			Prefix: s.Prefix, Formats: formats, Token: s.Token, Paces: s.Paces, Mode: s.Mode,
		})
	}
	own := []string{standInPath}
	if conf.Upstream != "" {
		own = nil
	}
	return all, settings, all.Check(own...)
}

// newFormats returns the wire formats of an upstream, the format of the service first. This is
// the place to add one, and in [config.Formats]. Formats of the configuration file precede
// built-in ones with the same paths.
func newFormats(conf *config.Config, u config.Upstream, described ownFormats) (upstream.Formats, error) {
	botID, model := u.BotID, u.Model
	if u.URL == "" {
		botID, model = cmp.Or(botID, "stand-in"), cmp.Or(model, "gpt-4o")
	}
	formats := upstream.Formats{
		coze.New(coze.Options{BotID: botID, UserID: conf.UserID, KeepStudioDone: conf.StudioDone == "keep"}),
		coze.NewWorkflow(),
		openai.New(openai.Options{Model: model, SystemPrompt: u.SystemPrompt, BaseURL: u.URL}),
		responses.New(openai.Options{Model: model, SystemPrompt: u.SystemPrompt, BaseURL: u.URL}),
		anthropic.New(anthropic.Options{Model: model, SystemPrompt: u.SystemPrompt, BaseURL: u.URL}),
		gemini.New(gemini.Options{Model: model, SystemPrompt: u.SystemPrompt, BaseURL: u.URL}),
		ollama.New(ollama.Options{Model: model, SystemPrompt: u.SystemPrompt, BaseURL: u.URL}),
		aisdk.New(aisdk.Options{SystemPrompt: u.SystemPrompt, BaseURL: u.URL}),
		agui.New(agui.Options{SystemPrompt: u.SystemPrompt, BaseURL: u.URL}),
		dify.New(dify.Options{UserID: conf.UserID, SystemPrompt: u.SystemPrompt, BaseURL: u.URL}),
	}
	options := declarative.Options{Model: model, SystemPrompt: u.SystemPrompt, BotID: botID, UserID: conf.UserID}
	formats = slices.Concat(described.formats(options), formats, declarative.Builtin(options))
	service := formats.Find(u.Format)
	if service.Ask == nil {
		return nil, fmt.Errorf("format %s asks no questions of /v3/chat: add ask to its description", u.Format)
	}
	formats = slices.DeleteFunc(formats, func(f *upstream.Format) bool { return f == service })
	own := house.New(service)
	// The first format with the path of the server's own chats is theirs. A service with the
	// path needs no translation.
	return slices.Concat(upstream.Formats{service, own}, formats), nil
}

// newMetrics returns the metrics of a server with these upstreams and streams.
func newMetrics(upstreams handler.Upstreams, registry *streams.Registry) *metrics.Metrics {
	return metrics.New(metrics.Options{
		Upstreams:        upstreams.Labels(),
		EventTypes:       append(upstreams.Formats().EventNames(), summary.NamedEvent),
		Rejections:       apierror.Rejections(),
		UpstreamFailures: apierror.UpstreamFailures(),
		StoreBytes:       registry.Bytes,
		StoreMaxBytes:    registry.MaxBytes(),
	})
}

// newSettings returns the settings of a handler that a reload may change.
func newSettings(conf *config.Config, upstreams handler.Upstreams) handler.Settings {
	return handler.Settings{
		Upstreams:      upstreams,
		Keys:           conf.APIKeys.List,
		TrustedProxies: conf.TrustedProxies,
		Origins:        conf.CORSOrigins,
		IsLoopback:     conf.IsLoopback(),
		Hosts:          conf.Hosts,
		MaxStreams:     conf.MaxStreams,
	}
}

func newHandler(conf *config.Config, state state, logger *slog.Logger) *handler.Handler {
	return handler.New(handler.Options{
		Settings:          newSettings(conf, state.upstreams),
		Streams:           state.streams,
		Metrics:           state.metrics,
		Logger:            logger,
		HideMetrics:       conf.AdminAddr != "",
		Heartbeat:         conf.Heartbeat,
		Limiter:           state.limits,
		MaxBodyBytes:      int(conf.MaxBodyBytes),
		MaxUploadBytes:    int64(conf.MaxUploadBytes),
		SummarizeTimeout:  conf.SummarizeTimeout,
		MaxSummarizeBytes: int(conf.SummarizeMaxBytes),
	})
}

// limiter is an [access.Limiter] with bounds that may change.
type limiter interface {
	access.Limiter
	SetBounds(limits.Bounds)
}

// state holds the streams and limits of this process, or of all replicas together, and
// the upstreams and metrics of this process.
type state struct {
	upstreams handler.Upstreams
	streams   *streams.Registry
	metrics   *metrics.Metrics
	limits    limiter
	close     func() // to be called once all streams have ended
}

// openState opens the streams and limits that the configuration describes.
func openState(ctx context.Context, conf *config.Config, upstreams handler.Upstreams, logger *slog.Logger) (state, error) {
	options := streams.Options{
		MaxBytes: int64(conf.StoreMaxBytes), Grace: conf.ResumeGrace, Retention: conf.ResumeRetention,
		Full: upstreams.ErrorEvents(apierror.TooLarge), Broken: upstreams.ErrorEvents(apierror.Internal),
		Stopped: upstreams.Stopped, Knows: upstreams.Knows, Logger: logger,
	}
	if conf.InMemory() {
		registry := streams.NewRegistry(options)
		return state{upstreams, registry, newMetrics(upstreams, registry), limits.NewLocal(conf.Bounds()), registry.Close}, nil
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
	return state{upstreams, registry, newMetrics(upstreams, registry), limiter, func() {
		limiter.Close()
		registry.Close()
		_ = store.Close() // the process exits
		_ = client.Close()
	}}, nil
}

// newLogger returns a logger, and the minimum level, which may change.
func newLogger(conf *config.Config, w io.Writer) (*slog.Logger, *slog.LevelVar, error) {
	level := &slog.LevelVar{}
	if err := level.UnmarshalText([]byte(conf.LogLevel)); err != nil {
		return nil, nil, fmt.Errorf("--log-level %q: %w", conf.LogLevel, err)
	}
	options := &slog.HandlerOptions{Level: level}
	if conf.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), level, nil
	}
	return slog.New(slog.NewTextHandler(w, options)), level, nil
}

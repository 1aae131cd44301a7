package recording

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/cloudwego/hertz/pkg/protocol"

	"sse-typewriter/handler"
	"sse-typewriter/internal/hertzio"
	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/metrics"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/coze"
)

// Before the first response, Hertz starts a goroutine without end, which must not belong to
// a testing/synctest bubble.
func init() { protocol.ServerDateOnce.Do(protocol.UpdateServerDate) }

// serveMock serves the program in front of the mock, without a network, and returns a
// transport to the program. The caller calls stop after the last request.
func serveMock(seed uint64) (transport *http.Transport, stop func()) {
	paces := map[typewriter.Mode]typewriter.Pace{}
	for _, mode := range []typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw} {
		pace := typewriter.DefaultPace(mode)
		pace.Seed = seed
		paces[mode] = pace
	}
	logger := slog.New(slog.DiscardHandler)
	formats := upstream.Formats{coze.New(coze.Options{BotID: "stand-in", UserID: "user"})}
	h := handler.New(handler.Options{
		Settings: handler.Settings{
			Upstreams: handler.Upstreams{{
				Client:  upstream.NewClient("http://upstream.invalid", mock.New(seed, cozemock.New())),
				Formats: formats, Paces: paces, Mode: typewriter.Typewriter,
			}},
			MaxStreams: 10,
		},
		Streams:      streams.NewRegistry(streams.Options{MaxBytes: 1 << 20, Logger: logger}),
		Metrics:      metrics.New(metrics.Options{}),
		Logger:       logger,
		Heartbeat:    15 * time.Second,
		Limiter:      limits.NewLocal(limits.Bounds{}),
		MaxBodyBytes: 1 << 20,
	})
	listener := testenv.NewMemListener()
	server := hertzio.NewServer(&hertzio.Listener{
		Listener: listener, Max: 10, WriteTimeout: time.Minute, ErrorReply: handler.ErrorReply(formats.Default()), Logger: logger,
	}, time.Minute, time.Minute)
	h.Register(server.Engine)
	done := make(chan struct{})
	go func() { // ends when the listener is closed
		defer close(done)
		_ = server.Run()
	}()
	transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.Dial(ctx) }}
	return transport, func() {
		transport.CloseIdleConnections()
		_ = listener.Close()
		<-done
	}
}

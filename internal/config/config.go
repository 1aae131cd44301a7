package config

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"

	"sse-typewriter/internal/limits"
	"sse-typewriter/internal/summary"
	"sse-typewriter/typewriter"
)

// Config is the configuration. The tags are what --help prints.
type Config struct {
	Config kong.ConfigFlag `help:"Read settings from a YAML file: the flags' names, and pauses." placeholder:"FILE"`

	Addr          string `default:"127.0.0.1:8380" help:"Address to serve on."`
	AdminAddr     string `help:"Address to serve /metrics and profiles (/debug/pprof/) on, for nobody but operators. Empty: nowhere; /metrics is on the other address, too." placeholder:"ADDR"`
	Upstream      string `help:"Base URL of the AI service, as https://api.coze.com. Empty: the stand-in at /upstream." placeholder:"URL"`
	UpstreamToken string `help:"Token that is sent upstream for clients that bring none. Better set by the environment." placeholder:"TOKEN"`
	BotID         string `help:"bot_id of requests that name none." placeholder:"ID"`
	UserID        string `default:"sse-typewriter" help:"user_id of requests that name none."`

	Mode         typewriter.Mode `default:"typewriter" help:"Mode of requests that ask for none: typewriter, smooth or raw."`
	Speed        float64         `default:"1" help:"Divides the pauses of typewriter mode."`
	MaxLag       time.Duration   `default:"3s" help:"In typewriter mode, how long after its arrival text leaves at the latest; 0: never catch up."`
	SmoothMaxLag time.Duration   `default:"400ms" help:"The same in smooth mode."`
	MinInterval  time.Duration   `default:"8ms" help:"Shortest time between two events of text; what is due closer together shares one."`
	Seed         uint64          `default:"0" help:"Seed of the pauses' random numbers; 0: different ones each time."`
	Pauses       Pauses          `hidden:"" help:"Pauses by class; only in the file."`

	APIKeys        Keys     `name:"api-keys" help:"Keys of the clients, with commas between them, or @ and the name of a file with one in each line; they never go upstream. Without: whoever reaches the server may use it. Better set by the environment or a file." placeholder:"KEYS"`
	AllowAnonymous bool     `help:"Let clients without a key use the upstream token on an address that is not loopback."`
	CORSOrigins    Origins  `name:"cors-origins" help:"Origins whose pages may use the server, as https://example.com, with commas between them; *: all." placeholder:"ORIGINS"`
	TrustedProxies Networks `help:"Addresses or ranges of the proxies in front, with commas between them, whose X-Forwarded headers are believed." placeholder:"ADDRESSES"`

	MaxStreams          int         `default:"10000" help:"How many streams may be recorded, and how many read, at a time."`
	MaxStreamsPerClient int         `default:"0" help:"How many streams a client, that is a key or else an address, may have at a time; 0: any number."`
	RateLimit           limits.Rate `help:"How many requests a client may make that go upstream, as 5/s or 100/m. Without: any number." placeholder:"RATE"`

	Store           string        `default:"memory" help:"Where streams with event ids are kept: memory, or redis://[user:password@]host:port/db (rediss:// for TLS), which replicas share. With a password better set by the environment." placeholder:"URL"`
	StorePrefix     string        `default:"typewriter:" help:"What the names of keys in Redis begin with."`
	StoreMaxBytes   size          `default:"256MiB" help:"Most memory that the events of all streams may take; finished ones make room first."`
	ResumeGrace     time.Duration `default:"30s" help:"How long a stream with event ids goes on without a viewer."`
	ResumeRetention time.Duration `default:"5m" help:"How long such a stream is kept after its end."`

	Heartbeat              time.Duration `default:"15s" help:"A sign of life is sent after so long a silence."`
	UpstreamConnectTimeout time.Duration `default:"10s" help:"How long connecting to the upstream may take."`
	UpstreamHeaderTimeout  time.Duration `default:"60s" help:"How long the upstream may take to begin its answer."`
	UpstreamIdleTimeout    time.Duration `default:"120s" help:"How long the upstream may be silent in the middle of one."`
	UpstreamMaxTime        time.Duration `default:"1h" help:"How long the upstream may take for an answer in all."`
	RecoveryTimeout        time.Duration `default:"1m" help:"How long the rest of an answer is waited for whose stream was cut; 0: not at all."`
	StudioDone             string        `default:"normalize" enum:"normalize,keep" help:"coze-studio's ending: normalize writes it as Coze's, keep leaves it."`
	MaxEventBytes          size          `default:"8MiB" help:"Largest event of the upstream."`
	MaxBodyBytes           size          `default:"4MiB" help:"Largest body of a chat request."`
	MaxUploadBytes         size          `default:"512MiB" help:"Largest body of any other request that is forwarded."`
	SummarizeTimeout       time.Duration `default:"60s" help:"How long a summary may take, at most 10m; then its chat is cancelled."`
	SummarizeMaxBytes      size          `default:"256KiB" help:"Largest text that is summarized."`
	MaxConnections         int64         `default:"20000" help:"Most connections of clients; one more is closed at once."`
	ReadTimeout            time.Duration `default:"30s" help:"How long a client may take to send a request's header."`
	IdleTimeout            time.Duration `default:"3m" help:"How long a connection may wait for its next request."`
	WriteTimeout           time.Duration `default:"30s" help:"How long a client may not read before it is dropped."`
	DrainTimeout           time.Duration `default:"30s" help:"How long streams may go on after a signal to end."`

	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"Least level that is logged: debug, info, warn or error."`
	LogFormat string `default:"text" enum:"text,json" help:"Format of the log: text or json."`
}

// loadFile reads the file: a key that no flag has is an error, and the environment
// wins over it.
func loadFile(r io.Reader) (kong.Resolver, error) {
	name := "the file"
	if f, ok := r.(*os.File); ok {
		name = f.Name()
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err // names the file
	}
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal(data, &keys); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return resolver{name, keys}, nil
}

// resolver is a file's settings.
type resolver struct {
	name string // of the file
	keys map[string]yaml.Node
}

// Validate implements [kong.Resolver].
func (r resolver) Validate(app *kong.Application) error {
	known := map[string]bool{}
	for _, flag := range app.Children[0].Flags {
		known[flag.Name] = flag.Name != "config"
	}
	for key := range r.keys {
		if !known[key] {
			return fmt.Errorf("%s: unknown setting %q", r.name, key)
		}
	}
	return nil
}

// Resolve implements [kong.Resolver]. A value is given as it is written, so that
// kong reads it as it reads a flag's: an id of digits is text, and a duration has a
// unit.
func (r resolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // kong's way to say that this resolver has no value
		}
	}
	node, known := r.keys[flag.Name]
	if !known || node.Tag == "!!null" {
		return nil, nil //nolint:nilnil // as above
	}
	if flag.Name == "pauses" {
		return r.asJSON(&node)
	}
	text := ""
	if err := node.Decode(&text); err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return text, nil
}

// asJSON writes a value that is more than one word.
func (r resolver) asJSON(node *yaml.Node) (any, error) {
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return string(data), nil
}

func (c *Config) validate() error {
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return fmt.Errorf("--addr %q: want host:port", c.Addr)
	}
	if _, _, err := net.SplitHostPort(c.AdminAddr); c.AdminAddr != "" && err != nil {
		return fmt.Errorf("--admin-addr %q: want host:port", c.AdminAddr)
	}
	if c.Upstream != "" {
		u, err := url.Parse(c.Upstream)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
			strings.ContainsAny(c.Upstream, "?#") {
			shown := c.Upstream
			if err == nil && u.User != nil {
				shown = u.Redacted() // it may hold a password
			}
			return fmt.Errorf("--upstream %q: want a URL as https://api.coze.com", shown)
		}
	}
	if !c.InMemory() && !strings.HasPrefix(c.Store, "redis://") && !strings.HasPrefix(c.Store, "rediss://") {
		shown := c.Store
		if strings.Contains(shown, "@") {
			shown = "..." // it may hold a password
		}
		return fmt.Errorf("--store %q: want memory or redis://host:port/db", shown)
	}
	for name, d := range map[string]time.Duration{
		"heartbeat": c.Heartbeat, "upstream-connect-timeout": c.UpstreamConnectTimeout,
		"upstream-header-timeout": c.UpstreamHeaderTimeout, "upstream-idle-timeout": c.UpstreamIdleTimeout,
		"upstream-max-time": c.UpstreamMaxTime,
		"read-timeout":      c.ReadTimeout, "idle-timeout": c.IdleTimeout, "write-timeout": c.WriteTimeout,
	} {
		if d <= 0 {
			return fmt.Errorf("--%s %v: want more than 0", name, d)
		}
	}
	if c.SummarizeTimeout <= 0 || c.SummarizeTimeout > summary.MaxTimeout {
		return fmt.Errorf("--summarize-timeout %v: want more than 0 and at most %v", c.SummarizeTimeout, summary.MaxTimeout)
	}
	if c.MaxConnections <= 0 {
		return fmt.Errorf("--max-connections %d: want more than 0", c.MaxConnections)
	}
	for name, d := range map[string]time.Duration{
		"recovery-timeout": c.RecoveryTimeout, "drain-timeout": c.DrainTimeout,
		"resume-grace": c.ResumeGrace, "resume-retention": c.ResumeRetention,
	} {
		if d < 0 {
			return fmt.Errorf("--%s %v: want 0 or more", name, d)
		}
	}
	if err := c.validatePace(); err != nil {
		return err
	}
	if err := c.validateAccess(); err != nil {
		return err
	}
	paces, err := c.Paces()
	if err != nil {
		return err
	}
	if _, ok := paces[c.Mode]; !ok {
		return fmt.Errorf("--mode %q: want typewriter, smooth or raw", c.Mode)
	}
	return nil
}

// validatePace tries each setting of the tempo by itself, so that the error can name its
// flag.
func (c *Config) validatePace() error {
	for _, setting := range []struct {
		flag string
		mode typewriter.Mode
		set  func(*typewriter.Pace)
	}{
		{"speed", typewriter.Typewriter, func(p *typewriter.Pace) { p.Speed = c.Speed }},
		{"max-lag", typewriter.Typewriter, func(p *typewriter.Pace) { p.MaxLag = c.MaxLag }},
		{"smooth-max-lag", typewriter.Smooth, func(p *typewriter.Pace) { p.MaxLag = c.SmoothMaxLag }},
		{"min-interval", typewriter.Typewriter, func(p *typewriter.Pace) { p.MinInterval = c.MinInterval }},
	} {
		pace := typewriter.DefaultPace(setting.mode)
		setting.set(&pace)
		if err := pace.Validate(); err != nil {
			return fmt.Errorf("--%s: %w", setting.flag, err)
		}
	}
	return nil
}

// InMemory reports whether streams are kept by this process alone.
func (c *Config) InMemory() bool { return c.Store == "memory" }

// Paces returns the tempo of each mode. It fails when the pauses are wrong.
func (c *Config) Paces() (map[typewriter.Mode]typewriter.Pace, error) {
	pauses, err := c.Pauses.table()
	if err != nil {
		return nil, err
	}
	paces := map[typewriter.Mode]typewriter.Pace{}
	for _, mode := range []typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw} {
		pace := typewriter.Pace{
			Mode: mode, Speed: c.Speed, MaxLag: c.MaxLag, MinInterval: c.MinInterval, Pauses: pauses, Seed: c.Seed,
		}
		if mode == typewriter.Smooth {
			pace.MaxLag = c.SmoothMaxLag
		}
		paces[mode] = pace
	}
	return paces, nil
}

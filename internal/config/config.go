package config

import (
	"net"
	"time"

	"github.com/alecthomas/kong"

	"sse-typewriter/internal/limits"
	"sse-typewriter/typewriter"
)

// Config holds the server's settings. The struct tags are the text of "serve --help" and
// docs/configuration.md.
type Config struct {
	Config kong.ConfigFlag `help:"YAML file with settings, named like the flags, and with pauses, further upstreams and wire formats." placeholder:"FILE"`

	Addr           string `default:"127.0.0.1:8380" help:"Address to listen on."`
	AdminAddr      string `help:"Private address to serve /metrics, POST /reload and /debug/pprof/ on, without authentication. By default, /metrics is served on --addr, and the others are not served." placeholder:"ADDR"`
	Upstream       string `help:"Base URL of the AI service, such as https://api.coze.com. Defaults to the built-in mock at /upstream." placeholder:"URL"`
	UpstreamFormat string `default:"coze" help:"Format of the AI service for /v3/chat, /ai/summarize and the pages: coze, openai for all OpenAI-compatible services, openai-responses, anthropic, gemini, ollama, dify, ai-sdk, ag-ui, dashscope, lke, wenxin, or a format of the file. Requests of SDKs are recognized by their paths."`
	Model          string `help:"Model that answers the questions of /v3/chat, /ai/summarize and the pages; required with --upstream unless its format is coze. Requests of SDKs name their own." placeholder:"NAME"`
	SystemPrompt   string `help:"System prompt of these questions, unless the format is coze." placeholder:"TEXT"`
	UpstreamCheck  string `default:"warn" enum:"warn,strict" help:"If an AI service is unreachable at the start: warn logs a warning and serves, strict refuses to start."`
	UpstreamToken  string `help:"Token sent upstream for clients without a token of their own. Prefer the environment variable." placeholder:"TOKEN" reload:"yes"`
	BotID          string `help:"bot_id for requests without one." placeholder:"ID"`
	UserID         string `default:"sse-typewriter" help:"user_id for requests without one."`

	Mode         typewriter.Mode `default:"typewriter" help:"Default mode: typewriter, smooth or raw." reload:"yes"`
	Speed        float64         `default:"1" help:"Typing speed, 0.1 to 100; divides the pauses of typewriter mode and the automatic --max-lag and --max-tail." reload:"yes"`
	MaxLag       autoDuration    `default:"auto" help:"Maximum delay of text in typewriter mode; 0 disables catching up. auto is 3s divided by the speed." reload:"yes"`
	MaxTail      autoDuration    `default:"auto" help:"Maximum delay of the end of an answer after the end of the upstream; 0 removes this bound. auto is 1s, in typewriter mode divided by the speed, or no bound with --max-lag 0." reload:"yes"`
	Reasoning    typewriter.Mode `default:"smooth" help:"Mode of reasoning: typewriter, smooth or raw. In raw mode, reasoning is raw too." reload:"yes"`
	SmoothMaxLag time.Duration   `default:"1s" help:"Maximum delay of text in smooth mode, and of an answer's first character behind its reasoning. The delay follows the gaps between the bursts of text and is usually much shorter." reload:"yes"`
	Unit         typewriter.Unit `default:"grapheme" help:"Smallest piece of text in an event, except in raw mode: grapheme or word." reload:"yes"`
	Markdown     bool            `help:"Keep the parts of Markdown constructs together in an event: markers with their text, links, formulas, rows of tables, words of code." reload:"yes"`
	MinInterval  autoDuration    `default:"auto" help:"Minimum interval between text events; text due sooner is merged into one event. auto is 8ms, in front of Gemini 50ms, and 40ms where each event repeats the text before." reload:"yes"`
	Seed         uint64          `default:"0" help:"Seed of the random pauses; 0 picks a new seed for each stream." reload:"yes"`
	Pauses       Sections        `hidden:"" help:"Pauses by class; only in the file." reload:"yes"`

	Upstreams Sections `env:"-" hidden:"" help:"Further AI services by path prefix; only in the file."`

	Formats FormatSettings `env:"-" hidden:"" help:"Wire formats by name; only in the file."`

	APIKeys        Keys     `name:"api-keys" help:"Comma-separated API keys for clients, or @FILE with one key per line. A key may have a name for the log in front, such as alice KEY, and may be given as sha256:HASH. Keys are never sent upstream. Without any, clients are not authenticated. Prefer the environment variable or a file." placeholder:"KEYS" reload:"yes"`
	AllowAnonymous bool     `help:"Allow clients without a key to use the upstream token on a non-loopback address."`
	CORSOrigins    Origins  `name:"cors-origins" help:"Comma-separated origins of pages allowed to use the server, such as https://example.com; * allows all." placeholder:"ORIGINS" reload:"yes"`
	Hosts          Hosts    `help:"Comma-separated host names, such as chat.example.com, under which clients without a credential may use a server on a loopback address; localhost, IP addresses and requests of --trusted-proxies are always allowed." placeholder:"HOSTS" reload:"yes"`
	TrustedProxies Networks `help:"Comma-separated addresses or ranges of reverse proxies whose X-Forwarded headers are trusted." placeholder:"ADDRESSES" reload:"yes"`

	MaxStreams          int         `default:"10000" help:"Maximum number of concurrent streams from the upstream, and of concurrent streams to clients." reload:"yes"`
	MaxStreamsPerClient int         `default:"0" help:"Maximum number of concurrent streams per client, identified by its key or else its address; 0 is unlimited." reload:"yes"`
	RateLimit           limits.Rate `help:"Maximum rate of upstream requests per client, such as 5/s, 100/m or 1000/h. Unlimited by default." placeholder:"RATE" reload:"yes"`

	Store           string        `default:"memory" help:"Storage of streams with event ids: memory, or redis://[user:password@]host:port/db (rediss:// for TLS) shared by all replicas. Prefer the environment variable for a URL with a password." placeholder:"URL"`
	StorePrefix     string        `default:"typewriter:" help:"Prefix of all Redis keys."`
	StoreMaxBytes   size          `default:"256MiB" help:"Maximum memory for the events of all streams; finished streams are evicted first."`
	ResumeGrace     time.Duration `default:"30s" help:"How long a stream with event ids continues without a viewer."`
	ResumeRetention time.Duration `default:"5m" help:"How long a finished stream with event ids is kept."`

	Heartbeat                time.Duration `default:"15s" help:"Interval of heartbeats to a client while its stream is silent."`
	UpstreamConnectTimeout   time.Duration `default:"10s" help:"Timeout for connecting to the upstream."`
	UpstreamHeaderTimeout    time.Duration `default:"60s" help:"Timeout for the response headers of the upstream."`
	UpstreamFirstTextTimeout time.Duration `default:"10m" help:"Maximum time from a chat request to the first text of its answer, reasoning and tool calls included; heartbeats of the service do not count. 0 is unlimited."`
	UpstreamIdleTimeout      time.Duration `default:"120s" help:"Maximum silence of the upstream in mid-stream."`
	UpstreamMaxTime          time.Duration `default:"1h" help:"Maximum duration of an upstream request."`
	RecoveryTimeout          time.Duration `default:"1m" help:"How long to wait for the rest of an answer after its stream was cut, and for each further event of the rest; 0 disables recovery."`
	StudioDone               string        `default:"normalize" enum:"normalize,keep" help:"Done event of coze-studio: normalize rewrites it to Coze's, keep leaves it unchanged."`
	MaxEventBytes            size          `default:"8MiB" help:"Maximum size of an upstream event."`
	MaxBodyBytes             size          `default:"32MiB" help:"Maximum body size of a chat request, with the images in it; a body is in memory until the upstream replies."`
	MaxUploadBytes           size          `default:"512MiB" help:"Maximum body size of any other forwarded request."`
	SummarizeTimeout         time.Duration `default:"60s" help:"Timeout for a summary, at most 10m; its chat is then cancelled."`
	SummarizeMaxBytes        size          `default:"256KiB" help:"Maximum size of a text to summarize."`
	MaxConnections           int64         `default:"20000" help:"Maximum number of client connections; excess connections are closed immediately."`
	ReadTimeout              time.Duration `default:"30s" help:"Timeout for reading the header of a request."`
	IdleTimeout              time.Duration `default:"3m" help:"How long to keep an idle client connection open."`
	WriteTimeout             time.Duration `default:"30s" help:"How long a client may stop reading before it is disconnected."`
	DrainTimeout             time.Duration `default:"30s" help:"How long streams may continue after a shutdown signal."`

	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"Minimum log level: debug, info, warn or error." reload:"yes"`
	LogFormat string `default:"text" enum:"text,json" help:"Log format: text or json."`
}

// The values of UpstreamCheck.
const (
	CheckWarn   = "warn"
	CheckStrict = "strict"
)

// DefaultMaxConnections is the default of MaxConnections.
const DefaultMaxConnections = 20000

// InMemory reports whether streams are stored in this process only.
func (c *Config) InMemory() bool { return c.Store == "memory" }

// IsLoopback reports whether the server listens on a loopback address.
func (c *Config) IsLoopback() bool {
	host, _, err := net.SplitHostPort(c.Addr)
	return err == nil && isLoopback(host)
}

// Bounds returns the limits of each client.
func (c *Config) Bounds() limits.Bounds {
	return limits.Bounds{Rate: c.RateLimit, Streams: c.MaxStreamsPerClient}
}

// Paces returns the pace of each mode. An error reports invalid pauses.
func (c *Config) Paces() (map[typewriter.Mode]typewriter.Pace, error) {
	pauses, err := c.readPauses()
	if err != nil {
		return nil, err
	}
	paces := map[typewriter.Mode]typewriter.Pace{}
	for _, mode := range []typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw} {
		pace := typewriter.Pace{
			Mode: mode, Speed: c.Speed, MaxLag: time.Duration(c.MaxLag), MaxTail: time.Duration(c.MaxTail),
			Reasoning: c.Reasoning, SmoothMaxLag: c.SmoothMaxLag, Unit: c.Unit, Markdown: c.Markdown, MinInterval: time.Duration(c.MinInterval), Pauses: pauses, Seed: c.Seed,
		}
		if mode == typewriter.Smooth {
			pace.MaxLag = c.SmoothMaxLag
		}
		paces[mode] = pace
	}
	return paces, nil
}

package openai

import (
	"net/url"
	"path"
	"regexp"

	"sse-typewriter/upstream"
)

// Service returns a format with the conventions of all APIs of the service: errors before a
// stream, headers, credentials and heartbeats.
func Service() *upstream.Format {
	return &upstream.Format{
		Framing:         upstream.SSE,
		ErrorBody:       errorBody,
		ReadError:       readError,
		BreaksOff:       true, // few SDKs notice a proper end in the middle of an answer
		RetryHeader:     "x-should-retry",
		RequestIDHeader: "X-Request-Id",
		ReplyHeaders:    []string{"X-Ratelimit-", "Openai-"},
		Heartbeat:       "\n\n",
		Credentials:     []upstream.Credential{{Header: "Authorization", Prefix: "Bearer "}, {Header: "api-key"}},
		BrowserHeaders: []string{
			"api-key", "openai-organization", "openai-project",
			"x-stainless-arch", "x-stainless-helper-method", "x-stainless-lang", "x-stainless-os", "x-stainless-package-version",
			"x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version", "x-stainless-timeout",
		},
	}
}

// Options are the settings of the format.
type Options struct {
	// Model is the model of questions. Without a model, Ask fails.
	Model string

	// SystemPrompt, if not empty, is the first message of each question.
	SystemPrompt string

	// BaseURL is the base URL of the service. The path of a question begins with a version
	// unless BaseURL ends with one.
	BaseURL string
}

// Message is a message of a request.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Messages returns the messages of a question.
func (o Options) Messages(q upstream.Question) []Message {
	var all []Message
	for _, m := range q.Conversation(o.SystemPrompt) {
		all = append(all, Message{m.Role, m.Text})
	}
	return all
}

// versioned matches the path of a base URL with a version or a deployment at its end, as in
// the base URL of an SDK.
var versioned = regexp.MustCompile(`/(?:v\d[^/]*(?:/openai)?|x\d|deployments/[^/]+)$`)

// Path returns the path of an API below the base URL, given the end of the path.
func (o Options) Path(suffix string) string {
	if base, err := url.Parse(o.BaseURL); err == nil && versioned.MatchString(path.Clean(base.Path)) {
		return suffix
	}
	return "/v1" + suffix
}

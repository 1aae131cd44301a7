package openai

import (
	"net/http"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// chatBody is the body of a chat request.
type chatBody struct {
	Model         string        `json:"model"`
	Messages      []Message     `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions streamOptions `json:"stream_options"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// ask implements [upstream.Format.Ask].
func (o Options) ask(q upstream.Question) (upstream.Request, error) {
	if o.Model == "" {
		return upstream.Request{}, upstream.ErrNoModel
	}
	body := chatBody{Model: o.Model, Messages: o.Messages(q), Stream: true, StreamOptions: streamOptions{true}}
	return upstream.Request{
		Method: http.MethodPost,
		Path:   o.Path(pathChat),
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   jsonx.Marshal(body),
	}, nil
}

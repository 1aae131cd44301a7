package responses

import (
	"net/http"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/openai"
)

// asker asks questions.
type asker struct{ openai.Options }

// createBody is the body of a request for a response.
type createBody struct {
	Model  string           `json:"model"`
	Input  []openai.Message `json:"input"`
	Stream bool             `json:"stream"`
}

// ask implements [upstream.Format.Ask].
func (a asker) ask(q upstream.Question) (upstream.Request, error) {
	if a.Model == "" {
		return upstream.Request{}, upstream.ErrNoModel
	}
	return upstream.Request{
		Method: http.MethodPost,
		Path:   a.Path(pathCreate),
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   jsonx.Marshal(createBody{a.Model, a.Messages(q), true}),
	}, nil
}

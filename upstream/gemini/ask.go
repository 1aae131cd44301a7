package gemini

import (
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// question is the body of a request.
type question struct {
	SystemInstruction *content  `json:"systemInstruction,omitempty"`
	Contents          []content `json:"contents"`
}

type content struct {
	Role  string `json:"role,omitempty"`
	Parts []part `json:"parts"`
}

type part struct {
	Text string `json:"text"`
}

// ask implements [upstream.Format.Ask]. System messages become the system instruction.
func (o Options) ask(q upstream.Question) (upstream.Request, error) {
	if o.Model == "" {
		return upstream.Request{}, upstream.ErrNoModel
	}
	var body question
	var system []part
	if o.SystemPrompt != "" {
		system = append(system, part{o.SystemPrompt})
	}
	for _, m := range q.Messages {
		switch m.Role {
		case "system":
			system = append(system, part{m.Text})
		case "assistant":
			body.Contents = append(body.Contents, content{"model", []part{{m.Text}}})
		default:
			body.Contents = append(body.Contents, content{m.Role, []part{{m.Text}}})
		}
	}
	if len(body.Contents) == 0 {
		body.Contents = []content{{"user", []part{{upstream.DefaultQuestion}}}}
	}
	if len(system) > 0 {
		body.SystemInstruction = &content{Parts: system}
	}
	return upstream.Request{
		Method: http.MethodPost,
		Path:   o.modelPath() + pathSuffix,
		Query:  "alt=sse",
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   jsonx.Marshal(body),
	}, nil
}

// versioned matches the path of a base URL with a version or a publisher at its end.
var versioned = regexp.MustCompile(`/(?:v\d[^/]*|publishers/[^/]+)$`)

// modelPath returns the path of the model below the base URL. A model with a slash is a
// resource of another kind than models, such as tunedModels.
func (o Options) modelPath() string {
	model := "/" + o.Model
	if !strings.Contains(o.Model, "/") {
		model = "/models/" + url.PathEscape(o.Model)
	}
	if base, err := url.Parse(o.BaseURL); err == nil && versioned.MatchString(path.Clean(base.Path)) {
		return model
	}
	return "/v1beta" + model
}

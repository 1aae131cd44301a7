package openai

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
)

// The tempos of the models.
var (
	Normal = mock.Tempo{First: 300 * time.Millisecond, Speed: 60, Size: 4.5, Most: 16, Bunch: 0.2}
	Lumps  = mock.Tempo{First: 600 * time.Millisecond, Speed: 120, Most: 100, Even: true}
	Slow   = mock.Tempo{First: Normal.First, Speed: 3, Size: 3, Most: 6}
	Fast   = mock.Tempo{First: Normal.First, Speed: 600, Size: Normal.Size, Most: Normal.Most}
	AtOnce = mock.Tempo{Size: Normal.Size, Most: Normal.Most}
)

// typeInvalid is the type of most errors.
const typeInvalid = "invalid_request_error"

// Serve returns the reply to a request with a valid key, with the headers of the service. The
// key "bad" is invalid.
func Serve(c *mock.Call, answer func() mock.Reply) mock.Reply {
	var reply mock.Reply
	if c.Header.Get("Authorization") == "Bearer bad" {
		reply = Refuse(http.StatusUnauthorized, typeInvalid, "invalid_api_key", "Incorrect API key provided: bad.")
	} else {
		reply = answer()
	}
	reply.Header.Set("Openai-Processing-Ms", "12")
	reply.Header.Set("X-Ratelimit-Remaining-Requests", "9999")
	reply.Header.Set("X-Request-Id", fmt.Sprintf("req_%016x%016x", c.Rand.Uint64(), c.Rand.Uint64()))
	return reply
}

// Encode implements [mock.Encoder]. An event without data is a comment.
func Encode(_ int, e mock.Event) []byte {
	switch {
	case e.Data == nil:
		return fmt.Appendf(nil, ": %s\n\n", e.Name)
	case e.Name != "":
		return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", e.Name, e.Data)
	default:
		return fmt.Appendf(nil, "data: %s\n\n", e.Data)
	}
}

// Refusals are the error replies of the models with the same names.
var Refusals = map[string]func() mock.Reply{
	"error-400": refuseWith(http.StatusBadRequest, typeInvalid, "context_length_exceeded", "This model's maximum context length is 8192 tokens."),
	"error-401": refuseWith(http.StatusUnauthorized, typeInvalid, "invalid_api_key", "Incorrect API key provided."),
	"error-429": refuseBusy,
	"error-500": refuseWith(http.StatusInternalServerError, "server_error", "", "The server had an error while processing your request."),
}

func refuseWith(status int, errorType, code, msg string) func() mock.Reply {
	return func() mock.Reply { return Refuse(status, errorType, code, msg) }
}

func refuseBusy() mock.Reply {
	reply := Refuse(http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "Rate limit reached for requests.")
	reply.Header.Set("Retry-After", "2")
	return reply
}

// Refuse returns an error reply.
func Refuse(status int, errorType, code, msg string) mock.Reply {
	return mock.Plain(status, typeJSON, ErrorJSON(errorType, code, msg))
}

// RefuseRequest returns the reply to an invalid request.
func RefuseRequest(msg string) mock.Reply {
	return Refuse(http.StatusBadRequest, typeInvalid, "", msg)
}

// RefuseMethod returns the reply to a request with another method than that of the path.
func RefuseMethod(c *mock.Call, method string) mock.Reply {
	reply := Refuse(http.StatusMethodNotAllowed, typeInvalid, "method_not_supported", "Not allowed to "+c.Method+" on "+c.Path+".")
	reply.Header.Set("Allow", method)
	return reply
}

// ErrorJSON returns an error as a body or an event has it.
func ErrorJSON(errorType, code, msg string) []byte {
	return jsonx.Marshal(struct {
		Error Error `json:"error"`
	}{NewError(errorType, code, msg)})
}

// Error is an error in a body or an event.
type Error struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// NewError returns an error, possibly without a code.
func NewError(errorType, code, msg string) Error {
	e := Error{Message: msg, Type: errorType}
	if code != "" {
		e.Code = &code
	}
	return e
}

// Token is the probability of a token.
type Token struct {
	Token       string   `json:"token"`
	Logprob     float64  `json:"logprob"`
	Bytes       []int    `json:"bytes"`
	TopLogprobs []string `json:"top_logprobs"`
}

// NewToken returns the probability of a piece of text, as if it were one token.
func NewToken(piece string) Token {
	t := Token{Token: piece, Logprob: -0.5, TopLogprobs: []string{}}
	for _, b := range []byte(piece) {
		t.Bytes = append(t.Bytes, int(b))
	}
	return t
}

// Padding returns the field obfuscation of an event, which hides the length of its text.
func Padding(rng *rand.Rand) string {
	const padding = "aB3xYz9QwErTy7"
	return padding[:1+rng.IntN(len(padding)-1)]
}

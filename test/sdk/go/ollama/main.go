// Command ollama runs the SDK of Ollama for Go: ollama JOBS. It reads the jobs and prints
// their results as openai.mjs does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/ollama/ollama/api"
)

// job is a request to a server.
type job struct {
	Case   string
	Base   string
	Model  string
	Key    string
	Legacy bool
}

func main() {
	var jobs []job
	if err := json.Unmarshal([]byte(os.Args[1]), &jobs); err != nil {
		panic(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, j := range jobs {
		all.Go(func() {
			r := result{}
			if err := r.play(j); err != nil {
				r["error"] = failure(err)
			}
			line, err := json.Marshal(map[string]any{"case": j.Case, "event": "ollama-go", "data": r})
			if err != nil {
				panic(err)
			}
			mu.Lock()
			defer mu.Unlock()
			fmt.Println(string(line))
		})
	}
	all.Wait()
}

func failure(err error) map[string]any {
	out := map[string]any{"message": err.Error()}
	var status api.StatusError
	if errors.As(err, &status) {
		out["status"], out["message"] = status.StatusCode, status.ErrorMessage
	}
	var unauthorized api.AuthorizationError
	if errors.As(err, &unauthorized) { // without the message of the body
		out["status"] = unauthorized.StatusCode
	}
	return out
}

// result is the sum of a stream.
type result map[string]any

func (r result) play(j job) error {
	base, err := url.Parse(j.Base)
	if err != nil {
		return err
	}
	client := api.NewClient(base, &http.Client{Transport: withKey(j.Key)})
	if j.Legacy {
		return client.Generate(context.Background(), &api.GenerateRequest{Model: j.Model, Prompt: "hi"}, func(part api.GenerateResponse) error {
			r.join("response", part.Response)
			r.join("thinking", part.Thinking)
			if len(part.Context) > 0 {
				r["context"] = append(part.Context, len(part.Context))
			}
			r.end(part.Model, part.Done, part.DoneReason, part.Metrics)
			return nil
		})
	}
	messages := []api.Message{{Role: "user", Content: "hi"}}
	return client.Chat(context.Background(), &api.ChatRequest{Model: j.Model, Messages: messages}, func(part api.ChatResponse) error {
		r["role"] = part.Message.Role
		r.join("content", part.Message.Content)
		r.join("thinking", part.Message.Thinking)
		for _, call := range part.Message.ToolCalls {
			r.join("calls", call.Function.Name+call.Function.Arguments.String())
		}
		for _, token := range part.Logprobs {
			r.join("logprobs", token.Token+"|")
		}
		r.end(part.Model, part.Done, part.DoneReason, part.Metrics)
		return nil
	})
}

func (r result) join(name, text string) {
	before, _ := r[name].(string)
	r[name] = before + text
}

func (r result) end(model string, done bool, reason string, metrics api.Metrics) {
	r["model"] = model
	if done {
		ends, _ := r["ends"].(int)
		r["ends"] = ends + 1
	}
	r.join("reason", reason)
	sum, _ := r["evals"].(int)
	r["evals"] = sum + metrics.EvalCount
	r["duration"] = metrics.TotalDuration // of the last line
}

// withKey adds a key to requests.
type withKey string

func (k withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(k))
	return http.DefaultTransport.RoundTrip(r)
}

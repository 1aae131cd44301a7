// Command responses runs the SDK of OpenAI's Responses API for Go: responses JOBS. It reads the
// jobs and prints their results as openai.mjs does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

// job is a request to a server.
type job struct {
	Case    string
	Base    string
	Model   string
	Key     string
	Retries int
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
			result := make(map[string]any)
			if err := read(j, result); err != nil {
				result["error"] = failure(err)
			}
			line, err := json.Marshal(map[string]any{"case": j.Case, "event": "openai-go", "data": result})
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
	var refused *openai.Error
	if errors.As(err, &refused) {
		out["status"], out["message"] = refused.StatusCode, refused.Message
	}
	return out
}

// typed are the types of the events whose texts are joined.
var typed = []string{"response.output_text.delta", "response.refusal.delta", "response.reasoning_text.delta", "response.reasoning_summary_text.delta"}

// read joins the deltas of each part, and keeps the other events in their order.
func read(j job, result map[string]any) error {
	client := openai.NewClient(option.WithBaseURL(j.Base), option.WithAPIKey(j.Key), option.WithMaxRetries(j.Retries))
	stream := client.Responses.NewStreaming(context.Background(), responses.ResponseNewParams{
		Model: j.Model,
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("hi")},
	})
	defer stream.Close() //nolint:errcheck // it was read to its end
	parts, logprobs := map[string]string{}, map[string][]any{}
	var events []any
	for stream.Next() {
		e := stream.Current()
		var fields map[string]any
		if err := json.Unmarshal([]byte(e.RawJSON()), &fields); err != nil {
			return err
		}
		if !slices.Contains(typed, e.Type) {
			events = append(events, fields)
			if e.Type == "response.completed" {
				result["text"] = e.Response.OutputText()
			}
			continue
		}
		of := fmt.Sprint(e.Type, e.ItemID, e.OutputIndex, e.ContentIndex, e.SummaryIndex)
		parts[of] += e.Delta
		tokens, _ := fields["logprobs"].([]any)
		logprobs[of] = append(logprobs[of], tokens...)
	}
	result["parts"], result["logprobs"], result["events"] = parts, logprobs, events
	return stream.Err()
}

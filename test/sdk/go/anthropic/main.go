// Command anthropic runs the SDK of Anthropic for Go: anthropic JOBS. It reads the jobs and
// prints their results as openai.mjs does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
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
			if err := accumulate(j, result); err != nil {
				result["error"] = failure(err)
			}
			line, err := json.Marshal(map[string]any{"case": j.Case, "event": "anthropic-sdk-go", "data": result})
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
	var refused *anthropic.Error
	if errors.As(err, &refused) {
		out["status"] = refused.StatusCode
		var body struct {
			Error struct{ Type, Message string }
		}
		if json.Unmarshal([]byte(refused.RawJSON()), &body) == nil {
			out["type"], out["message"] = body.Error.Type, body.Error.Message
		}
	}
	return out
}

// accumulate joins the texts of the deltas as a user does, and the message as the SDK does.
func accumulate(j job, result map[string]any) error {
	client := anthropic.NewClient(option.WithBaseURL(j.Base), option.WithAPIKey(j.Key), option.WithMaxRetries(j.Retries))
	stream := client.Messages.NewStreaming(context.Background(), anthropic.MessageNewParams{
		Model:     anthropic.Model(j.Model),
		MaxTokens: 64,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))},
	})
	defer stream.Close() //nolint:errcheck // it was read to its end
	var message anthropic.Message
	blocks := map[string]string{}
	for stream.Next() {
		event := stream.Current()
		if err := message.Accumulate(event); err != nil {
			return err
		}
		if event.Type == "content_block_delta" {
			of := fmt.Sprint(event.Index, " ", event.Delta.Type)
			blocks[of] += event.Delta.Text + event.Delta.Thinking + event.Delta.PartialJSON + event.Delta.Signature
		}
	}
	result["final"], result["blocks"] = message, blocks
	return stream.Err()
}

// Command openai runs the SDKs of OpenAI's Chat Completions for Go: openai JOBS. It reads the
// jobs and prints their results as openai.mjs does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	sashabaranov "github.com/sashabaranov/go-openai"
)

// job is a request to a server.
type job struct {
	Case    string
	Base    string
	Model   string
	Key     string
	Legacy  bool
	Retries int
}

func main() {
	var jobs []job
	if err := json.Unmarshal([]byte(os.Args[1]), &jobs); err != nil {
		panic(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	run := func(j job, name string, play func(job, map[string]any) error) {
		all.Go(func() {
			result := make(map[string]any)
			if err := play(j, result); err != nil {
				result["error"] = failure(err)
			}
			line, err := json.Marshal(map[string]any{"case": j.Case, "event": name, "data": result})
			if err != nil {
				panic(err)
			}
			mu.Lock()
			defer mu.Unlock()
			fmt.Println(string(line))
		})
	}
	for _, j := range jobs {
		if j.Legacy {
			run(j, "openai-go legacy", legacy)
			run(j, "go-openai legacy", sashabaranovLegacy)
			continue
		}
		run(j, "openai-go", accumulate)
		run(j, "go-openai", sashabaranovSum)
	}
	all.Wait()
}

func failure(err error) map[string]any {
	out := map[string]any{"message": err.Error()}
	var official *openai.Error
	if errors.As(err, &official) {
		out["status"], out["message"] = official.StatusCode, official.Message
	}
	var other *sashabaranov.APIError
	if errors.As(err, &other) {
		out["status"] = other.HTTPStatusCode
	}
	return out
}

func client(j job) openai.Client {
	return openai.NewClient(option.WithBaseURL(j.Base), option.WithAPIKey(j.Key), option.WithMaxRetries(j.Retries))
}

// accumulate is the accumulator of openai-go.
func accumulate(j job, result map[string]any) error {
	c := client(j)
	stream := c.Chat.Completions.NewStreaming(context.Background(), openai.ChatCompletionNewParams{
		Model:         j.Model,
		Messages:      []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	})
	defer stream.Close() //nolint:errcheck // it was read to its end
	var sum openai.ChatCompletionAccumulator
	rejected := 0
	var calls, finished []string
	for stream.Next() {
		if !sum.AddChunk(stream.Current()) {
			rejected++
		}
		if call, ok := sum.JustFinishedToolCall(); ok {
			calls = append(calls, call.ID+call.Name+call.Arguments)
		}
		if content, ok := sum.JustFinishedContent(); ok {
			finished = append(finished, content)
		}
	}
	result["final"], result["rejected"] = sum.ChatCompletion, rejected > 0
	result["tool calls"], result["contents"] = calls, finished
	return stream.Err()
}

func legacy(j job, result map[string]any) error {
	c := client(j)
	stream := c.Completions.NewStreaming(context.Background(), openai.CompletionNewParams{
		Model:  openai.CompletionNewParamsModel(j.Model),
		Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("hi")},
	})
	defer stream.Close() //nolint:errcheck // it was read to its end
	var s sums
	for stream.Next() {
		chunk := stream.Current()
		for _, choice := range chunk.Choices {
			s.add(int(choice.Index), "text", choice.Text)
			s.add(int(choice.Index), "finish", string(choice.FinishReason))
			s.add(int(choice.Index), "logprobs", strings.Join(choice.Logprobs.Tokens, "|"))
		}
		s.usage += chunk.Usage.TotalTokens
	}
	s.store(result)
	return stream.Err()
}

// sums are the texts of each choice, concatenated by field, and the sum of all usages.
type sums struct {
	texts map[string]string
	usage int64
}

func (s *sums) add(choice int, field, text string) {
	if s.texts == nil {
		s.texts = make(map[string]string)
	}
	if text != "" {
		s.texts[fmt.Sprint(choice, " ", field)] += text
	}
}

func (s *sums) store(result map[string]any) { result["texts"], result["usage"] = s.texts, s.usage }

func sashabaranovClient(j job) *sashabaranov.Client {
	config := sashabaranov.DefaultConfig(j.Key)
	config.BaseURL = j.Base
	return sashabaranov.NewClientWithConfig(config)
}

// sashabaranovSum adds up the chunks of go-openai as its users do.
func sashabaranovSum(j job, result map[string]any) error {
	stream, err := sashabaranovClient(j).CreateChatCompletionStream(context.Background(), sashabaranov.ChatCompletionRequest{
		Model:         j.Model,
		Messages:      []sashabaranov.ChatCompletionMessage{{Role: "user", Content: "hi"}},
		StreamOptions: &sashabaranov.StreamOptions{IncludeUsage: true},
	})
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // it was read to its end
	var s sums
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			s.store(result)
			return nil
		}
		if err != nil {
			s.store(result)
			return err
		}
		for _, choice := range chunk.Choices {
			s.add(choice.Index, "content", choice.Delta.Content)
			s.add(choice.Index, "reasoning", choice.Delta.ReasoningContent)
			s.add(choice.Index, "refusal", choice.Delta.Refusal)
			s.add(choice.Index, "finish", string(choice.FinishReason))
			for _, call := range choice.Delta.ToolCalls {
				s.add(choice.Index, fmt.Sprint("tool ", *call.Index), call.ID+call.Function.Name+call.Function.Arguments)
			}
			if choice.Logprobs != nil {
				for _, token := range choice.Logprobs.Content {
					s.add(choice.Index, "logprobs", token.Token+"|")
				}
			}
		}
		if chunk.Usage != nil {
			s.usage += int64(chunk.Usage.TotalTokens)
		}
	}
}

func sashabaranovLegacy(j job, result map[string]any) error {
	stream, err := sashabaranovClient(j).CreateCompletionStream(context.Background(), sashabaranov.CompletionRequest{Model: j.Model, Prompt: "hi"})
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // it was read to its end
	var s sums
	for {
		chunk, err := stream.Recv()
		if err != nil {
			s.store(result)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		for _, choice := range chunk.Choices {
			s.add(choice.Index, "text", choice.Text)
			s.add(choice.Index, "finish", choice.FinishReason)
		}
		if chunk.Usage != nil {
			s.usage += int64(chunk.Usage.TotalTokens)
		}
	}
}

// Command gemini runs the SDK of Gemini for Go: gemini JOBS. The jobs and the results have the
// form of openai.mjs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"google.golang.org/genai"
)

// job is a request to a server.
type job struct {
	Case  string
	Base  string
	Model string
	Key   string
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
		run(j, "genai-go stream", stream)
		run(j, "genai-go chat", chat)
	}
	all.Wait()
}

func failure(err error) map[string]any {
	out := map[string]any{"message": err.Error()}
	var refused genai.APIError
	if errors.As(err, &refused) {
		out["status"], out["type"], out["message"] = refused.Code, refused.Status, refused.Message
	}
	return out
}

func client(j job) (*genai.Client, error) {
	return genai.NewClient(context.Background(), &genai.ClientConfig{
		APIKey: j.Key, Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: j.Base},
	})
}

// parts are the parts of an answer, with adjacent texts joined.
type parts []*genai.Part

func (all *parts) add(more []*genai.Part) {
	for _, p := range more {
		text, rest := p.Text, *p
		if text != "" {
			if n := len(*all); n > 0 && (*all)[n-1].Text != "" && (*all)[n-1].Thought == p.Thought {
				(*all)[n-1].Text += text
			} else {
				*all = append(*all, &genai.Part{Text: text, Thought: p.Thought})
			}
		}
		rest.Text, rest.Thought = "", false
		if encoded, _ := json.Marshal(rest); string(encoded) != "{}" {
			*all = append(*all, &rest)
		}
	}
}

func stream(j job, result map[string]any) error {
	c, err := client(j)
	if err != nil {
		return err
	}
	candidates := map[int32]*parts{}
	var others []any
	for chunk, err := range c.Models.GenerateContentStream(context.Background(), j.Model, genai.Text("hi"), nil) {
		if err != nil {
			result["candidates"], result["others"] = candidates, others
			return err
		}
		result["id"] = chunk.ResponseID + chunk.ModelVersion
		if chunk.UsageMetadata != nil {
			result["usage"] = chunk.UsageMetadata
		}
		if chunk.PromptFeedback != nil {
			others = append(others, chunk.PromptFeedback)
		}
		for _, candidate := range chunk.Candidates {
			if candidates[candidate.Index] == nil {
				candidates[candidate.Index] = &parts{}
			}
			if candidate.Content != nil {
				candidates[candidate.Index].add(candidate.Content.Parts)
				candidate.Content = nil
			}
			rest := *candidate
			rest.Index = 0
			if encoded, _ := json.Marshal(rest); string(encoded) != "{}" && string(encoded) != `{"groundingMetadata":{}}` {
				others = append(others, rest)
			}
		}
	}
	result["candidates"], result["others"] = candidates, others
	return nil
}

// chat reads an answer and then the history, with the entries joined by role.
func chat(j job, result map[string]any) error {
	c, err := client(j)
	if err != nil {
		return err
	}
	session, err := c.Chats.Create(context.Background(), j.Model, nil, nil)
	if err != nil {
		return err
	}
	text := ""
	for chunk, err := range session.SendMessageStream(context.Background(), genai.Part{Text: "hi"}) {
		if err != nil {
			return err
		}
		text += chunk.Text()
	}
	result["text"] = text
	for _, curated := range []bool{true, false} {
		var roles []string
		var joined []*parts
		for _, content := range session.History(curated) {
			if n := len(roles); n == 0 || roles[n-1] != content.Role {
				roles, joined = append(roles, content.Role), append(joined, &parts{})
			}
			joined[len(joined)-1].add(content.Parts)
		}
		result[fmt.Sprint("history ", curated)] = []any{roles, joined}
	}
	return nil
}

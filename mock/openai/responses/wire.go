package responses

import (
	"sse-typewriter/mock/openai"
)

// The statuses of a response.
const (
	statusQueued     = "queued"
	statusInProgress = "in_progress"
	statusCompleted  = "completed"
	statusIncomplete = "incomplete"
	statusFailed     = "failed"
	statusCancelled  = "cancelled"
)

// event is the data of an event.
type event struct {
	Type            string          `json:"type"`
	SequenceNumber  int             `json:"sequence_number"`
	Response        *response       `json:"response,omitempty"`
	ItemID          string          `json:"item_id,omitempty"`
	OutputIndex     *int            `json:"output_index,omitempty"`
	ContentIndex    *int            `json:"content_index,omitempty"`
	SummaryIndex    *int            `json:"summary_index,omitempty"`
	AnnotationIndex *int            `json:"annotation_index,omitempty"`
	Delta           string          `json:"delta,omitempty"`
	Text            string          `json:"text,omitempty"`
	Refusal         string          `json:"refusal,omitempty"`
	Name            string          `json:"name,omitempty"`
	Arguments       string          `json:"arguments,omitempty"`
	Item            *item           `json:"item,omitempty"`
	Part            *part           `json:"part,omitempty"`
	Annotation      *annotation     `json:"annotation,omitempty"`
	Logprobs        *[]openai.Token `json:"logprobs,omitempty"`
	Obfuscation     string          `json:"obfuscation,omitempty"`
	Error           *openai.Error   `json:"error,omitempty"`
}

// response is the state of a response.
type response struct {
	ID                string         `json:"id"`
	Object            string         `json:"object"`
	CreatedAt         int64          `json:"created_at"`
	Status            string         `json:"status"`
	Background        bool           `json:"background"`
	Error             *failure       `json:"error"`
	IncompleteDetails *details       `json:"incomplete_details"`
	Instructions      *string        `json:"instructions"`
	Model             string         `json:"model"`
	Output            []item         `json:"output"`
	ParallelToolCalls bool           `json:"parallel_tool_calls"`
	Store             bool           `json:"store"`
	Temperature       float64        `json:"temperature"`
	ToolChoice        string         `json:"tool_choice"`
	Tools             []any          `json:"tools"`
	TopP              float64        `json:"top_p"`
	Usage             *usage         `json:"usage"`
	Metadata          map[string]any `json:"metadata"`
}

// failure is the error of a failed response.
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// details is the reason of an incomplete response.
type details struct {
	Reason string `json:"reason"`
}

// item is a part of the output: a message, a reasoning or a call of a function.
type item struct {
	ID        string  `json:"id"`
	Type      string  `json:"type"`
	Status    string  `json:"status,omitempty"`
	Role      string  `json:"role,omitempty"`
	Content   *[]part `json:"content,omitempty"`
	Summary   *[]part `json:"summary,omitempty"`
	CallID    string  `json:"call_id,omitempty"`
	Name      string  `json:"name,omitempty"`
	Arguments *string `json:"arguments,omitempty"`
}

// part is a part of an item.
type part struct {
	Type        string          `json:"type"`
	Text        *string         `json:"text,omitempty"`
	Refusal     *string         `json:"refusal,omitempty"`
	Annotations *[]annotation   `json:"annotations,omitempty"`
	Logprobs    *[]openai.Token `json:"logprobs,omitempty"`
}

type annotation struct {
	Type  string `json:"type"`
	Start int    `json:"start_index"`
	End   int    `json:"end_index"`
	URL   string `json:"url"`
	Title string `json:"title"`
}

type usage struct {
	Input         int           `json:"input_tokens"`
	InputDetails  inputDetails  `json:"input_tokens_details"`
	Output        int           `json:"output_tokens"`
	OutputDetails outputDetails `json:"output_tokens_details"`
	Total         int           `json:"total_tokens"`
}

type inputDetails struct {
	Cached int `json:"cached_tokens"`
}

type outputDetails struct {
	Reasoning int `json:"reasoning_tokens"`
}

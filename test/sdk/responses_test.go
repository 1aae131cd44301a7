package sdk

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

var responsesRunners = newRunners("responses",
	[]string{"openai-node raw", "openai-node helper", "@ai-sdk/openai"},
	[]string{"openai-python raw", "openai-python helper"},
	[]string{"openai-go"})

// response returns a stream of a response with the events of its items, each with the next
// number.
func response(events ...string) replayed {
	const object = `{"id":"resp_1","object":"response","created_at":1,"status":%q,"model":"m","output":[],"parallel_tool_calls":true,"temperature":1,"tool_choice":"auto","tools":[],"top_p":1,` +
		`"error":null,"incomplete_details":null,"instructions":null,"metadata":{},"usage":%s}`
	all := append([]string{`{"type":"response.created","response":` + fmt.Sprintf(object, "in_progress", "null") + `}`}, events...)
	all = append(all, `{"type":"response.completed","response":`+fmt.Sprintf(object, "completed",
		`{"input_tokens":3,"input_tokens_details":{"cached_tokens":0},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":8}`)+`}`)
	var body strings.Builder
	for i, e := range all {
		body.WriteString(named(strings.TrimSuffix(e, "}") + fmt.Sprintf(`,"sequence_number":%d}`, i)))
	}
	return replayed{body: body.String()}
}

// itemOf returns the events of an item: those given are between its beginning and its end.
func itemOf(index int, begun, done string, events ...string) []string {
	all := append([]string{fmt.Sprintf(`{"type":"response.output_item.added","output_index":%d,"item":%s}`, index, begun)}, events...)
	return append(all, fmt.Sprintf(`{"type":"response.output_item.done","output_index":%d,"item":%s}`, index, done))
}

const textPart = `"item_id":"msg_1","output_index":0,"content_index":0`

func textDelta(text, logprobs string) string {
	return `{"type":"response.output_text.delta",` + textPart + `,"delta":"` + text + `","logprobs":[` + logprobs + `],"obfuscation":"aB3"}`
}

// messageOf returns the events of a message with a text, which the given events add.
func messageOf(text string, events ...string) []string {
	part := `{"type":"output_text","text":"%s","annotations":[],"logprobs":[]}`
	all := append([]string{`{"type":"response.content_part.added",` + textPart + `,"part":` + fmt.Sprintf(part, "") + `}`}, events...)
	all = append(all, `{"type":"response.output_text.done",`+textPart+`,"text":"`+text+`","logprobs":[]}`,
		`{"type":"response.content_part.done",`+textPart+`,"part":`+fmt.Sprintf(part, text)+`}`)
	return itemOf(0, `{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}`,
		`{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[`+fmt.Sprintf(part, text)+`]}`, all...)
}

// responseStreams are streams of the Responses API with what the stand-in does not send.
func responseStreams() map[string]replayed {
	const (
		hello   = `Hello, wörld! 👩‍👩‍👧 `
		quoted  = `\ud83d\ude00 and \"quoted\" \u2028 text\n`
		token   = `{"token":"%s","logprob":-0.5,"bytes":[1],"top_logprobs":[]}`
		site    = `{"type":"response.output_text.annotation.added",` + textPart + `,"annotation_index":0,"annotation":{"type":"url_citation","start_index":0,"end_index":2,"url":"https://example.com/","title":"T"}}`
		refused = `"item_id":"msg_1","output_index":0,"content_index":0`
		call    = `"item_id":"fc_1","output_index":0`
	)
	out := map[string]replayed{
		"text":        response(messageOf(hello+quoted, textDelta(hello, ""), textDelta(quoted, ""))...),
		"logprobs":    response(messageOf("Hello you", textDelta("Hello", fmt.Sprintf(token, "Hel")+","+fmt.Sprintf(token, "lo")), textDelta(" you", fmt.Sprintf(token, " you")))...),
		"annotations": response(messageOf("See there", textDelta("See", ""), site, textDelta(" there", ""), site)...),
		"refusal": response(itemOf(0, `{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}`,
			`{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"refusal","refusal":"I cannot"}]}`,
			`{"type":"response.content_part.added",`+refused+`,"part":{"type":"refusal","refusal":""}}`,
			`{"type":"response.refusal.delta",`+refused+`,"delta":"I can"}`, `{"type":"response.refusal.delta",`+refused+`,"delta":"not"}`,
			`{"type":"response.refusal.done",`+refused+`,"refusal":"I cannot"}`,
			`{"type":"response.content_part.done",`+refused+`,"part":{"type":"refusal","refusal":"I cannot"}}`)...),
		"tools": response(itemOf(0, `{"id":"fc_1","type":"function_call","status":"in_progress","call_id":"call_1","name":"weather","arguments":""}`,
			`{"id":"fc_1","type":"function_call","status":"completed","call_id":"call_1","name":"weather","arguments":"{\"city\":\"Oslo\"}"}`,
			`{"type":"response.function_call_arguments.delta",`+call+`,"delta":"{\"city\":"}`, `{"type":"response.function_call_arguments.delta",`+call+`,"delta":"\"Oslo\"}"}`,
			`{"type":"response.function_call_arguments.done",`+call+`,"name":"weather","arguments":"{\"city\":\"Oslo\"}"}`)...),
	}
	begun := out["text"].body[:strings.Index(out["text"].body, `\ud83d`)]
	begun = begun[:strings.LastIndex(begun, "\n\n")+2]
	out["error event"] = replayed{fails: true, body: begun +
		named(`{"type":"error","sequence_number":5,"error":{"type":"server_error","code":"server_error","message":"`+sorry+`","param":null}}`)}
	out["cut"] = replayed{broken: true, body: begun + "event: response.output_text.delta\ndata: {\"type\""}
	out["cut between events"] = replayed{broken: true, body: begun}
	return out
}

// responseRequests are the requests for streams of the stand-in.
func responseRequests(t *testing.T) map[string]*http.Request {
	t.Helper()
	base := start(t).Base + "/upstream/v1/responses"
	out := make(map[string]*http.Request)
	for _, model := range []string{"gpt-5", "gpt-4o", "deepseek-reasoner", "openrouter/auto", "search", "refusal", "tool-call", "whole", "incomplete", "failed"} {
		body := fmt.Sprintf(`{"model":%q,"stream":true,"input":"hi","include":["message.output_text.logprobs"]}`, model)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		out[model] = req
	}
	return out
}

// The final results of the SDKs of OpenAI's Responses API are the same straight and through
// the program, and a truncated answer or an error within a stream is an error in each.
func TestResponses(t *testing.T) {
	t.Parallel()
	streams := responseStreams()
	maps.Copy(streams, recordedOf(t, "openai-responses", named))
	maps.Copy(streams, ofMock(t, responseRequests(t)))
	comparison{responsesRunners, streams, serveReplays(t, streams), "/v1"}.compare(t)
}

// A refusal of the server is an error with its message in each SDK.
func TestResponsesRefused(t *testing.T) {
	t.Parallel()
	comparison{runners: responsesRunners, upstream: serveReplays(t, responseStreams()), path: "/v1"}.refuse(t, nil)
}

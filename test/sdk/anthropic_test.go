package sdk

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

var anthropicRunners = newRunners("anthropic",
	[]string{"@anthropic-ai/sdk raw", "@anthropic-ai/sdk helper", "@ai-sdk/anthropic"},
	[]string{"anthropic-python raw", "anthropic-python helper"},
	[]string{"anthropic-sdk-go"})

// named returns an event of Anthropic, whose name is the type in its data.
func named(data string) string {
	return fmt.Sprintf("event: %s\ndata: %s\n\n", gjson.Get(data, "type").Str, data)
}

// blocks returns a stream of a message with the events of its blocks.
func blocks(events ...string) replayed {
	var body strings.Builder
	body.WriteString(named(`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}`))
	for _, e := range events {
		body.WriteString(named(e))
	}
	body.WriteString(named(`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}`))
	body.WriteString(named(`{"type":"message_stop"}`))
	return replayed{body: body.String()}
}

func blockStart(index int, block string) string {
	return fmt.Sprintf(`{"type":"content_block_start","index":%d,"content_block":%s}`, index, block)
}

func blockDelta(index int, delta string) string {
	return fmt.Sprintf(`{"type":"content_block_delta","index":%d,"delta":%s}`, index, delta)
}

func blockStop(index int) string {
	return fmt.Sprintf(`{"type":"content_block_stop","index":%d}`, index)
}

// messageStreams are streams of Anthropic with what the stand-in does not send.
func messageStreams() map[string]replayed {
	const empty = `{"type":"text","text":""}`
	hello := []string{blockStart(0, empty), blockDelta(0, `{"type":"text_delta","text":"Hello, wörld! 👩‍👩‍👧 "}`)}
	out := map[string]replayed{
		"text": blocks(append(hello, blockDelta(0, `{"type":"text_delta","text":"\ud83d\ude00 and \"quoted\" \u2028 text\n"}`), blockStop(0))...),
		"thinking": blocks(
			blockStart(0, `{"type":"thinking","thinking":"","signature":""}`), blockDelta(0, `{"type":"thinking_delta","thinking":"Let me think. 让我想想"}`),
			blockDelta(0, `{"type":"signature_delta","signature":"c2ln"}`), blockStop(0), `{"type": "ping"}`,
			blockStart(1, `{"type":"redacted_thinking","data":"ZGF0YQ=="}`), blockStop(1),
			blockStart(2, empty), blockDelta(2, `{"type":"text_delta","text":"It is so."}`), blockStop(2)),
		"tools": blocks(append(hello, blockStop(0),
			blockStart(1, `{"type":"tool_use","id":"t1","name":"weather","input":{}}`), blockDelta(1, `{"type":"input_json_delta","partial_json":"{\"city\":"}`),
			blockDelta(1, `{"type":"input_json_delta","partial_json":" \"Oslo\"}"}`), blockStop(1))...),
		"empty": blocks(blockStart(0, empty), blockStop(0)),
	}
	begun := out["text"].body[:strings.Index(out["text"].body, `"text":"\ud83d`)]
	begun = begun[:strings.LastIndex(begun, "\n\n")+2]
	out["error event"] = replayed{fails: true, body: begun + named(`{"type":"error","error":{"type":"overloaded_error","message":"`+sorry+`"}}`)}
	out["cut"] = replayed{broken: true, body: begun + "event: content_block_delta\ndata: {\"type\""}
	out["cut between events"] = replayed{broken: true, body: begun}
	return out
}

// messageRequests are the requests for streams of the stand-in.
func messageRequests(t *testing.T) map[string]*http.Request {
	t.Helper()
	base := start(t).Base + "/upstream/v1/messages"
	out := make(map[string]*http.Request)
	for _, model := range []string{"claude-sonnet", "claude-thinking", "claude-lumps", "tool-use", "citations"} {
		body := fmt.Sprintf(`{"model":%q,"max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hi"}]}`, model)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("anthropic-version", "2023-06-01")
		out[model] = req
	}
	return out
}

// The final results of Anthropic's SDKs are the same straight and through the program, and a
// truncated answer or an error within a stream is an error in each.
func TestMessages(t *testing.T) {
	t.Parallel()
	streams := messageStreams()
	maps.Copy(streams, recordedOf(t, "anthropic", named))
	maps.Copy(streams, ofMock(t, messageRequests(t)))
	comparison{anthropicRunners, streams, serveReplays(t, streams), ""}.compare(t)
}

// A refusal of the server is an error with its message and its type in each SDK of Anthropic.
func TestMessagesRefused(t *testing.T) {
	t.Parallel()
	types := map[int64]string{401: "authentication_error", 429: "rate_limit_error", 502: "api_error"}
	comparison{runners: anthropicRunners, upstream: serveReplays(t, messageStreams())}.
		refuse(t, func(status int64) string { return types[status] })
}

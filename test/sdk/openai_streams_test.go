package sdk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// replayed is a stream of the upstream in these tests.
type replayed struct {
	body   string
	broken bool // the connection breaks at the end
	legacy bool // it answers a legacy completion, or another kind of request
	fails  bool // it contains an error of the service that each SDK reports
}

// chunks returns a stream of chunks, each of them with an id and a model, and [DONE].
func chunks(fields ...string) replayed {
	var body strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&body, `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",%s}`+"\n\n", f)
	}
	return replayed{body: body.String() + "data: [DONE]\n\n"}
}

// delta returns the choices of a chunk with one choice.
func delta(fields string) string {
	return `"choices":[{"index":0,"delta":{` + fields + `},"logprobs":null,"finish_reason":null}]`
}

func tokens(list ...string) string {
	var all []string
	for _, token := range list {
		all = append(all, fmt.Sprintf(`{"token":%q,"logprob":-0.5,"bytes":[1],"top_logprobs":[]}`, token))
	}
	return `"logprobs":{"content":[` + strings.Join(all, ",") + `],"refusal":null}`
}

const (
	role   = `"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]`
	stop   = `"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]`
	usage  = `"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}}`
	ending = `"choices":[],` + usage
	site   = `{"type":"url_citation","url_citation":{"url":"https://example.com/%d","title":"T","start_index":0,"end_index":1}}`
	sorry  = "the model is overloaded"
	filter = `"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}`
)

// writtenStreams are streams with what the stand-in does not send.
func writtenStreams() map[string]replayed {
	out := map[string]replayed{
		"text":     chunks(role, delta(`"content":"Hello, wörld! 👩‍👩‍👧 "`), delta(`"content":"\ud83d\ude00 and \"quoted\" \u2028 text\n"`), stop, ending),
		"logprobs": chunks(role, `"choices":[{"index":0,"delta":{"content":"Hello world"},`+tokens("Hello", " world")+`,"finish_reason":null}]`, `"choices":[{"index":0,"delta":{"content":", all"},`+tokens(",", " all")+`,"finish_reason":null}]`, stop, ending),
		"together": chunks(`"choices":[{"index":0,"text":"Hello ","delta":{"role":"assistant","content":"Hello ","token_id":7},"seed":1,"finish_reason":null}]`, `"choices":[{"index":0,"text":"world","delta":{"content":"world","token_id":8},"finish_reason":"stop"}],`+usage),
		"tools": chunks(
			delta(`"role":"assistant","content":"I will look","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]`),
			delta(`"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]`), delta(`"tool_calls":[{"index":0,"function":{"arguments":"\"Oslo\"}"}}]`),
			delta(`"content":" twice","tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"weather","arguments":"{}"}}]`),
			`"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]`, ending),
		"annotations": chunks(role, delta(`"content":"See there","annotations":[`+fmt.Sprintf(site, 1)+`,`+fmt.Sprintf(site, 2)+`]`), delta(`"content":" and here"`), stop, ending),
		"choices":     chunks(`"choices":[{"index":0,"delta":{"role":"assistant","content":"first"},"finish_reason":null}]`, `"choices":[{"index":1,"delta":{"role":"assistant","content":"second"},"finish_reason":null}]`, delta(`"content":" answer"`), `"choices":[{"index":1,"delta":{"content":" one"},"finish_reason":"length"}]`, stop, ending),
		"azure": chunks(`"choices":[],"prompt_filter_results":[{"prompt_index":0,`+filter+`}]`, role, `"choices":[{"index":0,"delta":{"content":"Hello world"},`+filter+`,"logprobs":null,"finish_reason":null}]`,
			`"choices":[{"index":0,"delta":{"content":", again"},`+filter+`,"logprobs":null,"finish_reason":null}]`, stop, ending),
		"refusal":      chunks(role, delta(`"refusal":"I cannot do"`), delta(`"refusal":" that."`), stop, ending),
		"reasoning":    chunks(delta(`"role":"assistant","content":null,"reasoning_content":"Let me"`), delta(`"content":null,"reasoning_content":" think"`), delta(`"content":"It is so","reasoning_content":null`), delta(`"content":"...","reasoning_content":null`), stop, ending),
		"cut by size":  chunks(delta(`"role":"assistant","content":"Hello","reasoning":"Hmm well"`), `"choices":[{"index":0,"delta":{"content":"","reasoning":" let me"},"finish_reason":"length"}],`+usage),
		"details":      chunks(delta(`"role":"assistant","content":"","reasoning":"Let me","reasoning_details":[{"type":"reasoning.text","text":"Let me","index":0,"format":"x"}]`), delta(`"role":"assistant","content":"","reasoning":" think","reasoning_details":[{"type":"reasoning.text","text":" think","signature":"s1","index":0,"format":"x"}]`), delta(`"role":"assistant","content":"So it is"`), stop, ending),
		"perplexity":   chunks(delta(`"role":"assistant","content":"Hello world"`)+`,"citations":["https://example.com/1"],`+usage, `"choices":[{"index":0,"delta":{"content":" again"},"finish_reason":"stop"}],"citations":["https://example.com/1"],`+usage),
		"in one chunk": chunks(`"choices":[{"index":0,"delta":{"role":"assistant","content":"Hello world"},` + tokens("Hello", " world") + `,"finish_reason":"stop"}],` + usage),
		"legacy": {legacy: true, body: `data: {"id":"l1","object":"text_completion","created":1,"model":"m","choices":[{"text":"Once upon","index":0,"logprobs":{"tokens":["Once"," upon"],"token_logprobs":[-1,-2],"top_logprobs":null,"text_offset":[0,4]},"finish_reason":null}]}` + "\n\n" +
			`data: {"id":"l1","object":"text_completion","created":1,"model":"m","choices":[{"text":" a time","index":0,"logprobs":{"tokens":[" a"," time"],"token_logprobs":[-1,-2],"top_logprobs":null,"text_offset":[9,11]},"finish_reason":"length"}]}` + "\n\n" +
			`data: {"id":"l1","object":"text_completion","created":1,"model":"m","choices":[],` + usage + "}\n\ndata: [DONE]\n\n"},
	}
	hello := strings.TrimSuffix(chunks(role, delta(`"content":"Hello world"`)).body, "data: [DONE]\n\n")
	out["error event"] = replayed{fails: true, body: hello + `data: {"error":{"message":"` + sorry + `","type":"server_error","param":null,"code":"overloaded"}}` + "\n\ndata: [DONE]\n\n"}
	// Some SDKs do not see this error, even straight.
	out["error in a chunk"] = replayed{body: hello + `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","error":{"message":"` + sorry + `","code":502},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}` + "\n\ndata: [DONE]\n\n"}
	out["cut"] = replayed{body: hello + `data: {"id":"c1","cho`, broken: true}
	out["legacy cut"] = replayed{legacy: true, broken: true, body: `data: {"id":"l1","object":"text_completion","created":1,"model":"m","choices":[{"text":"Once upon","index":0,"logprobs":null,"finish_reason":null}]}` + "\n\n"}
	return out
}

// recordings is a folder with recorded streams of services. A clone does not have it.
const recordings = "../../../shared/recordings/openai-chat"

// recordedStreams returns the streams in the folder of recordings, if there is one.
func recordedStreams(t *testing.T) map[string]replayed {
	t.Helper()
	out := make(map[string]replayed)
	for _, pattern := range []string{"*.sse", "*.chunks.txt"} {
		paths, err := filepath.Glob(filepath.Join(recordings, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			body := string(text)
			if pattern != "*.sse" { // a line has the data of an event
				body = ""
				for line := range strings.Lines(string(text)) {
					body += "data: " + strings.TrimSpace(line) + "\n\n"
				}
				body += "data: [DONE]\n\n"
			}
			out[filepath.Base(path)] = replayed{body: body}
		}
	}
	if len(out) == 0 {
		t.Logf("no recordings: %s does not exist", recordings)
	}
	return out
}

// compressed is a model whose reply claims to be compressed, which the server refuses.
const compressed = "compressed"

// serveReplays starts an upstream that answers a request with the stream that is named
// like its model, and returns the base URL.
func serveReplays(t *testing.T, all map[string]replayed) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Model string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("a request's body cannot be read: %v", err)
		}
		reply, ok := all[body.Model]
		if !ok && body.Model != compressed {
			t.Errorf("a request is for model %q", body.Model)
		}
		if body.Model == compressed {
			w.Header().Set("Content-Encoding", "br")
		}
		writeReplay(w, "text/event-stream; charset=utf-8", reply)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// writeReplay writes a stream, event by event.
func writeReplay(w http.ResponseWriter, contentType string, reply replayed) {
	w.Header().Set("Content-Type", contentType)
	blank := "\n\n"
	if strings.Contains(reply.body, "\r\n\r\n") {
		blank = "\r\n\r\n"
	}
	for event := range strings.SplitAfterSeq(reply.body, blank) {
		_, _ = w.Write([]byte(event))             // the client may have left
		_ = http.NewResponseController(w).Flush() // the client may have left
	}
	if reply.broken {
		panic(http.ErrAbortHandler)
	}
}

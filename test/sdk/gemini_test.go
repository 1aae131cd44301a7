package sdk

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
)

var geminiRunners = newRunners("gemini",
	[]string{"@google/genai stream", "@google/genai chat", "@ai-sdk/google"},
	[]string{"google-genai stream", "google-genai chat"},
	[]string{"genai-go stream", "genai-go chat"})

// generated returns an event of Gemini.
func generated(data string) string { return "data: " + data + "\r\n\r\n" }

// contents returns a stream of chunks with a candidate, each of which has the given parts and
// other fields.
func contents(candidates ...[2]string) replayed {
	var body strings.Builder
	for i, c := range candidates {
		body.WriteString(generated(fmt.Sprintf(
			`{"candidates": [{"content": {"parts": [%s],"role": "model"},%s"index": 0}],"usageMetadata": {"promptTokenCount": 3,"candidatesTokenCount": %d,"totalTokenCount": %d},"modelVersion": "m","responseId": "r1"}`,
			c[0], c[1], i+1, i+4)))
	}
	return replayed{body: body.String()}
}

// generatedStreams are streams of Gemini with what the stand-in does not send.
func generatedStreams() map[string]replayed {
	const (
		stop   = `"finishReason": "STOP",`
		ground = `"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://example.com/", "title": "T"}}]},`
	)
	hello := [2]string{`{"text": "Hello, wörld! 👩‍👩‍👧 "}`, ""}
	out := map[string]replayed{
		"text":      contents(hello, [2]string{`{"text": "\ud83d\ude00 and \"quoted\" \u2028 text\n"}`, stop}),
		"thoughts":  contents([2]string{`{"text": "Let me think. 让我想想","thought": true}`, ""}, hello, [2]string{`{"text": "","thoughtSignature": "c2ln"}`, stop}),
		"mixed":     contents([2]string{`{"text": "So it is.","thought": true},{"text": "Yes, it is."}`, ""}, hello, [2]string{`{"text": ""}`, stop}),
		"grounding": contents(hello, [2]string{`{"text": "as one site says"}`, stop + ground}),
		"functions": contents([2]string{`{"text": "I will look"},{"functionCall": {"name": "weather","args": {"city": "Oslo"}},"thoughtSignature": "c2ln"}`, stop}),
		"signature": contents([2]string{`{"text": "signed text","thoughtSignature": "c2ln"}`, ""}, hello, [2]string{`{"text": "!"}`, stop}),
		"code":      contents([2]string{`{"executableCode": {"language": "PYTHON","code": "print(1)"}},{"codeExecutionResult": {"outcome": "OUTCOME_OK","output": "1\n"}},{"text": "The result is 1."}`, ""}, [2]string{`{"text": " Done."}`, stop}),
		"blocked":   {body: generated(`{"promptFeedback": {"blockReason": "SAFETY"},"usageMetadata": {"promptTokenCount": 3,"totalTokenCount": 3},"modelVersion": "m"}`)},
	}
	begun := contents(hello).body
	out["error-event"] = replayed{fails: true, body: begun + generated(`{"error": {"code": 503,"message": "`+sorry+`","status": "UNAVAILABLE"}}`)}
	out["cut"] = replayed{broken: true, body: begun + `data: {"candidates": [{"con`}
	out["cut-between"] = replayed{broken: true, body: begun}
	return out
}

// serveGenerated starts an upstream that answers a request with the stream that is named like
// the model in its path, and returns the base URL.
func serveGenerated(t *testing.T, all map[string]replayed) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		model := strings.TrimSuffix(path.Base(r.URL.Path), ":streamGenerateContent")
		reply, ok := all[model]
		if !ok || r.URL.Query().Get("alt") != "sse" || r.Header.Get("X-Goog-Api-Key") != "k" {
			t.Errorf("got a request for %s with header %v", r.URL, r.Header)
		}
		writeReplay(w, "text/event-stream", reply)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// generationRequests are the requests for streams of the stand-in.
func generationRequests(t *testing.T) map[string]*http.Request {
	t.Helper()
	base := start(t).Base + "/upstream/v1beta/models/"
	out := make(map[string]*http.Request)
	for _, model := range []string{"gemini-flash", "gemini-thinking", "gemini-lumps", "function-call", "code-execution", "grounding"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+model+":streamGenerateContent?alt=sse", strings.NewReader(`{"contents":[{"parts":[{"text":"hi"}]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		out[model] = req
	}
	return out
}

// The final results of Gemini's SDKs, the histories of their chats included, are the same
// straight and through the program, and a truncated answer or an error within a stream is an
// error in each.
func TestGeneratedContent(t *testing.T) {
	t.Parallel()
	streams := generatedStreams()
	maps.Copy(streams, recordedOf(t, "gemini", generated))
	maps.Copy(streams, ofMock(t, generationRequests(t)))
	comparison{geminiRunners, streams, serveGenerated(t, streams), ""}.compare(t)
}

// A refusal of the server is an error with its message and its status in each SDK of Gemini.
func TestGeneratedContentRefused(t *testing.T) {
	t.Parallel()
	names := map[int64]string{401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 502: "UNAVAILABLE"}
	upstream := serveReplays(t, writtenStreams()) // for the request that spends the limit
	comparison{runners: geminiRunners, upstream: upstream}.refuse(t, func(status int64) string { return names[status] })
}

package sdk

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// newAppRunner returns the runner of a script for Node.
func newAppRunner(script string, sdks ...string) runner {
	return runner{"node", func(t *testing.T) (string, string) {
		testenv.InstallNPM(t, ".")
		return "node", script
	}, sdks}
}

// dataEvents returns a stream of events without names.
func dataEvents(data ...string) string {
	var b strings.Builder
	for _, d := range data {
		fmt.Fprintf(&b, "data: %s\n\n", d)
	}
	return b.String()
}

// uiStreams are UI message streams with what the stand-in does not send.
func uiStreams() map[string]replayed {
	const (
		begin = `{"type":"start","messageId":"m1","messageMetadata":{"model":"m"}}`
		text  = `{"type":"text-delta","id":"0","delta":"Hello, wörld! 👩‍👩‍👧 "}`
	)
	open := []string{begin, `{"type":"start-step"}`, `{"type":"text-start","id":"0"}`, text}
	whole := func(more ...string) string {
		return dataEvents(append(append(slices.Clip(open), more...), `{"type":"text-end","id":"0"}`, `{"type":"finish-step"}`, `{"type":"finish","messageMetadata":{"tokens":7}}`, "[DONE]")...)
	}
	return map[string]replayed{
		"text":     {body: whole(`{"type":"text-delta","id":"0","delta":"\ud83d\ude00 \"quoted\" \u2028 text\n"}`)},
		"metadata": {body: whole(`{"type":"text-delta","id":"0","delta":"and so on","providerMetadata":{"x":{"signature":"s1"}}}`)},
		"sources": {body: whole(`{"type":"source-url","sourceId":"s1","url":"https://example.com"}`, `{"type":"text-delta","id":"0","delta":" more"}`,
			`{"type":"data-note","id":"n1","data":{"delta":"ab"}}`, `{"type":"file","url":"data:text/plain,hi","mediaType":"text/plain"}`)},
		"tool": {body: dataEvents(
			begin, `{"type":"start-step"}`, `{"type":"tool-input-start","toolCallId":"c1","toolName":"weather","dynamic":true}`,
			`{"type":"tool-input-delta","toolCallId":"c1","inputTextDelta":"{\"city\":\"Oslo\"}"}`,
			`{"type":"tool-input-available","toolCallId":"c1","toolName":"weather","dynamic":true,"input":{"city":"Oslo"}}`,
			`{"type":"tool-output-available","toolCallId":"c1","dynamic":true,"output":{"t":7}}`,
			`{"type":"text-start","id":"0"}`, text, `{"type":"text-end","id":"0"}`, `{"type":"finish-step"}`, `{"type":"finish"}`, "[DONE]",
		)},
		"aborted":      {body: dataEvents(append(slices.Clip(open), `{"type":"abort"}`, "[DONE]")...)},
		"error event":  {fails: true, body: dataEvents(append(slices.Clip(open), `{"type":"error","errorText":"`+sorry+`"}`, "[DONE]")...)},
		"cut":          {broken: true, body: dataEvents(open...) + `data: {"type":"text-d`},
		"no last part": {broken: true, body: dataEvents(open...)},
	}
}

// aguiStreams are AG-UI streams with what the stand-in does not send.
func aguiStreams() map[string]replayed {
	const (
		begin = `{"type":"RUN_STARTED","threadId":"t1","runId":"r1"}`
		open  = `{"type":"TEXT_MESSAGE_START","messageId":"m1","role":"assistant"}`
		text  = `{"type":"TEXT_MESSAGE_CONTENT","messageId":"m1","delta":"Hello, wörld! 👩‍👩‍👧 "}`
		shut  = `{"type":"TEXT_MESSAGE_END","messageId":"m1"}`
		end   = `{"type":"RUN_FINISHED","threadId":"t1","runId":"r1"}`
	)
	return map[string]replayed{
		"text": {body: dataEvents(begin, open, text, `{"type":"TEXT_MESSAGE_CONTENT","messageId":"m1","delta":"\ud83d\ude00 \"quoted\" \u2028 text\n"}`, shut, end)},
		"chunks": {body: dataEvents(begin, `{"type":"TEXT_MESSAGE_CHUNK","messageId":"m1","role":"assistant","delta":"Hello"}`,
			`{"type":"TEXT_MESSAGE_CHUNK","messageId":"m1","delta":", wörld"}`, `{"type":"TEXT_MESSAGE_CHUNK","messageId":"m2","role":"assistant","delta":"Another one"}`, end)},
		"thinking": {body: dataEvents(begin, `{"type":"THINKING_START"}`, `{"type":"THINKING_TEXT_MESSAGE_START"}`, `{"type":"THINKING_TEXT_MESSAGE_CONTENT","delta":"Let me think"}`,
			`{"type":"THINKING_TEXT_MESSAGE_END"}`, `{"type":"THINKING_END"}`, open, text, shut, end)},
		"tool and state": {body: dataEvents(begin, `{"type":"STATE_SNAPSHOT","snapshot":{"n":1}}`, `{"type":"TOOL_CALL_START","toolCallId":"c1","toolCallName":"weather"}`,
			`{"type":"TOOL_CALL_ARGS","toolCallId":"c1","delta":"{\"city\":\"Oslo\"}"}`, `{"type":"TOOL_CALL_END","toolCallId":"c1"}`,
			`{"type":"STATE_DELTA","delta":[{"op":"replace","path":"/n","value":2}]}`, open, text, shut, end)},
		"error event": {fails: true, body: dataEvents(begin, open, text, `{"type":"RUN_ERROR","message":"`+sorry+`"}`)},
		"cut":         {broken: true, body: dataEvents(begin, open, text) + `data: {"type":"TEXT_M`},
		"no end":      {broken: true, body: dataEvents(begin, open, text)},
	}
}

// addRecordings adds the recorded streams of a folder, if there are any.
func addRecordings(t *testing.T, streams map[string]replayed, folder string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../../../shared/recordings", folder, "*.sse"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		streams[filepath.Base(path)] = replayed{body: string(text)}
	}
}

// addMockStreams adds streams of the stand-in at a path. body has the place of a message.
func addMockStreams(t *testing.T, streams map[string]replayed, path, body string) {
	t.Helper()
	base := start(t).Base + "/upstream"
	for _, scenario := range []string{"text", "thinking", "tool-call", "lumps"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(fmt.Sprintf(body, "/"+scenario+" hi")))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %d %s, %v", resp.StatusCode, text, err)
		}
		streams["mock "+scenario] = replayed{body: string(text)}
	}
}

// serveApps starts an app, which answers a request with the stream that is named like its
// model, and returns the base URL. A cut is a proper end: clients do not notice such a one.
func serveApps(t *testing.T, all map[string]replayed, header string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Model          string
			ForwardedProps struct{ Model string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("a request's body cannot be read: %v", err)
		}
		name := body.Model + body.ForwardedProps.Model
		reply, ok := all[name]
		if !ok {
			t.Errorf("a request is for model %q", name)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		if header != "" {
			w.Header().Set(header, "v1")
		}
		for event := range strings.SplitAfterSeq(reply.body, "\n\n") {
			_, _ = w.Write([]byte(event))             // the client may have left
			_ = http.NewResponseController(w).Flush() // the client may have left
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// The messages of useChat are the same straight and through the program, and a truncated
// answer is an error, which useChat does not notice straight.
func TestUseChat(t *testing.T) {
	t.Parallel()
	streams := uiStreams()
	addRecordings(t, streams, "ui-message-stream")
	addMockStreams(t, streams, "/api/chat", `{"messages":[{"role":"user","parts":[{"type":"text","text":"%s"}]}]}`)
	comparison{
		runners: []runner{newAppRunner("aisdk.mjs", "useChat", "readUIMessageStream")}, streams: streams,
		upstream: serveApps(t, streams, "X-Vercel-Ai-Ui-Message-Stream"),
	}.compare(t)
}

// The same holds for the client of AG-UI.
func TestAGUI(t *testing.T) {
	t.Parallel()
	streams := aguiStreams()
	addRecordings(t, streams, "ag-ui")
	addMockStreams(t, streams, "/ag-ui", `{"threadId":"t1","runId":"r1","messages":[{"role":"user","content":"%s"}]}`)
	comparison{runners: []runner{newAppRunner("agui.mjs", "@ag-ui/client")}, streams: streams, upstream: serveApps(t, streams, "")}.compare(t)
}

// Refusals of the server are errors with its message, as text.
func TestAppsRefused(t *testing.T) {
	t.Parallel()
	streams := uiStreams()
	maps.Copy(streams, aguiStreams())
	upstream := serveApps(t, streams, "")
	down := httptest.NewServer(http.NotFoundHandler())
	servers := map[string]string{
		"a valid key is needed":      start(t, "--upstream="+upstream, "--upstream-format=ai-sdk", "--api-keys=0123456789abcdef").Base,
		"too many requests":          start(t, "--upstream="+upstream, "--upstream-format=ag-ui", "--rate-limit=1/h").Base,
		"upstream cannot be reached": start(t, "--upstream="+down.URL, "--upstream-format=ag-ui").Base,
	}
	down.Close()
	spend(t, servers["too many requests"])
	var jobs []job
	for msg, base := range servers {
		jobs = append(jobs, job{Case: msg, Base: base, Model: "text", Key: "k"})
	}
	for _, r := range []runner{newAppRunner("aisdk.mjs", "useChat"), newAppRunner("agui.mjs", "@ag-ui/client")} {
		t.Run(r.sdks[0], func(t *testing.T) {
			t.Parallel()
			all := r.run(t, jobs)
			for msg := range servers {
				if got := gjson.GetBytes(all[msg][r.sdks[0]], "error.message").Str; !strings.Contains(got, msg) {
					t.Errorf("got %s, want %q", all[msg][r.sdks[0]], msg)
				}
			}
		})
	}
}

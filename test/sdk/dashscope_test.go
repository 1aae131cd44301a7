package sdk

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

var dashScopeRunners = []runner{
	{"python", func(t *testing.T) (string, string) {
		return testenv.InstallPip(t, "requirements-dashscope.txt"), "with_dashscope.py"
	}, []string{"dashscope"}},
	{"java", func(t *testing.T) (string, string) {
		script := filepath.Join(t.TempDir(), "run")
		text := fmt.Sprintf("exec java -cp '%s' WithDashScope \"$@\"\n", compileJava(t, filepath.Join("java", "dashscope"), "WithDashScope.java"))
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "sh", script
	}, []string{"dashscope-java"}},
}

// dashScopeEvents returns a stream of DashScope with messages, the last of which ends the answer.
func dashScopeEvents(messages ...string) string {
	var b strings.Builder
	for i, m := range messages {
		finish := "null"
		if i == len(messages)-1 {
			finish = "stop"
		}
		fmt.Fprintf(&b, "id:%d\nevent:result\n:HTTP_STATUS/200\ndata:"+`{"output":{"choices":[{"message":{%s,"role":"assistant"},"finish_reason":"%s"}]},"usage":{"output_tokens":%d,"input_tokens":3},"request_id":"r1"}`+"\n\n",
			i+1, m, finish, i+1)
	}
	return b.String()
}

// dashScopeStreams are streams with what the stand-in does not send. Their names say what a
// client asks for.
func dashScopeStreams() map[string]replayed {
	const hello, more = `Hello, wörld! 👩‍👩‍👧 `, `\ud83d\ude00 and \"quoted\" \u2028 text\n`
	begun := strings.Replace(dashScopeEvents(`"content":"`+hello+`"`), `"stop"`, `"null"`, 1)
	failed := begun + "id:2\nevent:error\n:HTTP_STATUS/400\ndata:" + `{"code":"InternalError","message":"` + sorry + `","request_id":"r1"}` + "\n\n"
	return map[string]replayed{
		"text":                  {body: dashScopeEvents(`"content":"`+hello+`"`, `"content":"`+more+`"`, `"content":""`)},
		"ends in text":          {body: dashScopeEvents(`"content":"`+hello+`"`, `"content":"`+more+`"`)},
		"reasoning":             {body: dashScopeEvents(`"content":"","reasoning_content":"Let me think. 让我想想"`, `"content":"`+hello+`","reasoning_content":""`, `"content":""`)},
		"tools":                 {body: dashScopeEvents(`"content":"Let me look","tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]`, `"content":""`)},
		"omni snapshots":        {body: dashScopeEvents(`"content":"`+hello+`"`, `"content":"`+hello+more+`"`, `"content":"`+hello+more+`"`)},
		"omni end in text":      {body: dashScopeEvents(`"content":"`+hello+`"`, `"content":"`+hello+more+`"`)},
		"omni replaced":         {body: dashScopeEvents(`"content":"`+hello+`"`, `"content":"No. `+more+`"`, `"content":"No. `+more+hello+`"`)},
		"omni reasoning":        {body: dashScopeEvents(`"content":"","reasoning_content":"Let me"`, `"content":"","reasoning_content":"Let me think"`, `"content":"`+hello+`","reasoning_content":"Let me think"`)},
		"auto snapshots":        {body: dashScopeEvents(`"content":"Hel"`, `"content":"Hello, w"`, `"content":"`+hello+`"`, `"content":"`+hello+more+`"`)},
		"omni parts":            {legacy: true, body: dashScopeEvents(`"content":[{"text":"`+hello+`"}]`, `"content":[{"text":"`+hello+more+`"}]`)},
		"parts":                 {legacy: true, body: dashScopeEvents(`"content":[{"text":"`+hello+`"}]`, `"content":[{"text":"`+more+`"}]`, `"content":[]`)},
		"error event":           {fails: true, body: failed},
		"omni error event":      {fails: true, body: failed},
		"cut":                   {broken: true, body: begun + "id:2\nevent:result\ndata:{\"out"},
		"omni cut between them": {broken: true, body: begun},
	}
}

// dashScopeRequests are the requests for streams of the stand-in.
func dashScopeRequests(t *testing.T) map[string]*http.Request {
	t.Helper()
	base := start(t).Base + "/upstream/api/v1/services/aigc/text-generation/generation"
	out := make(map[string]*http.Request)
	for name, parameters := range map[string]string{"increments": `"incremental_output":true`, "omni": `"incremental_output":false`, "auto": ""} {
		for _, scenario := range []string{"normal", "thinking", "replaced"} {
			body := `{"model":"` + scenario + `","input":{"messages":[{"role":"user","content":"hi"}]},"parameters":{` + parameters + `}}`
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-DashScope-SSE", "enable")
			out[name+" "+scenario] = req
		}
	}
	return out
}

// The final results of DashScope's SDK are the same straight and through the program, and a
// truncated answer or an error within a stream is an error.
func TestDashScope(t *testing.T) {
	t.Parallel()
	streams := dashScopeStreams()
	maps.Copy(streams, ofMock(t, dashScopeRequests(t)))
	comparison{dashScopeRunners, streams, serveReplays(t, streams), "/api/v1"}.compare(t)
}

// A refusal of the server is an error with its message and its code.
func TestDashScopeRefused(t *testing.T) {
	t.Parallel()
	codes := map[int64]string{401: "unauthorized", 429: "rate_limit", 502: "unreachable"}
	comparison{runners: dashScopeRunners, upstream: serveReplays(t, dashScopeStreams()), path: "/api/v1"}.
		refuse(t, func(status int64) string { return codes[status] })
}

package responses

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
	"sse-typewriter/mock/openai"
)

// reply is a reply of a stand-in; err is the error of reading the body.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// send sends a request to a stand-in.
func send(t *testing.T, standIn *mock.StandIn, method, path, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://stand-in"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := standIn.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(text), err}
}

// events returns the data of the events in a body.
func (r reply) events() []gjson.Result {
	var all []gjson.Result
	for block := range strings.SplitSeq(r.body, "\n\n") {
		if _, data, ok := strings.Cut(block, "data: "); ok {
			all = append(all, gjson.Parse(data))
		}
	}
	return all
}

func ask(t *testing.T, standIn *mock.StandIn, model, fields string) reply {
	t.Helper()
	return send(t, standIn, http.MethodPost, "/upstream/v1/responses", `{"model":"`+model+`","stream":true,"input":"hello"`+fields+`}`)
}

// Each model ends as its description says, and its whole texts are those of its deltas.
func TestModels(t *testing.T) {
	for _, m := range Models() {
		if _, refuses := openai.Refusals[m.Name]; refuses || m.Name == "hang" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := ask(t, mock.New(1, &Dialect{}), m.Name, "")
				if strings.HasPrefix(m.Name, "cut") {
					if !errors.Is(r.err, io.ErrUnexpectedEOF) {
						t.Errorf("got error %v, want a broken connection", r.err)
					}
					return
				}
				events, last, texts := r.events(), "", map[string]string{}
				for i, e := range events {
					if e.Raw == "[DONE]" {
						continue
					}
					if n := e.Get("sequence_number"); n.Int() != int64(i) {
						t.Errorf("event %d has number %s", i, n.Raw)
					}
					last = e.Get("type").Str
					part, isDelta := strings.CutSuffix(last, ".delta")
					if texts[part+e.Get("item_id").Str] += e.Get("delta").Str; isDelta {
						continue
					}
					part = strings.TrimSuffix(last, ".done") + e.Get("item_id").Str
					if whole := e.Get("text").Str + e.Get("refusal").Str + e.Get("arguments").Str; whole != texts[part] && m.Name != "whole" {
						t.Errorf("%s has %q, want %q", last, whole, texts[part])
					}
				}
				want := map[string]string{"incomplete": "response.incomplete", "error-event": "response.failed", "failed": "response.failed", "no-done": "response.output_text.delta"}[m.Name]
				if want == "" {
					want = "response.completed"
				}
				if last != want || r.err != nil {
					t.Errorf("the last event is %s, error %v; want %s", last, r.err, want)
				}
			})
		})
	}
}

// A request without a stream gets the response at its end.
func TestWhole(t *testing.T) {
	r := send(t, mock.New(1, &Dialect{}), http.MethodPost, "/responses", `{"model":"gpt-4o","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}`)
	if r.status != 200 || gjson.Get(r.body, "status").Str != "completed" || !strings.HasPrefix(gjson.Get(r.body, "output.0.content.0.text").Str, "You said: hi") {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

// With tools, a model calls the first function, and answers when it gets the result.
func TestTools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tools = `,"tools":[{"type":"web_search"},{"type":"function","name":"get_weather"}]`
		standIn := mock.New(1, &Dialect{})
		if r := ask(t, standIn, "gpt-4o", tools); !strings.Contains(r.body, `"name":"get_weather"`) {
			t.Errorf("got %s, want a call", r.body)
		}
		r := send(t, standIn, http.MethodPost, "/v1/responses", `{"model":"gpt-4o","input":[{"type":"function_call_output","call_id":"c","output":"rain"}]`+tools+`}`)
		if got := gjson.Get(r.body, "output.0.content.0.text").Str; !strings.Contains(got, "rain") {
			t.Errorf("got %s, want an answer", r.body)
		}
	})
}

// A response in the background is streamed again behind an event, in real time, until it is
// cancelled. Any other response cannot be.
func TestStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		standIn := mock.New(1, &Dialect{})
		begun := time.Now()
		whole := ask(t, standIn, "gpt-4o", `,"background":true`).events()
		took := time.Since(begun)
		path := "/v1/responses/" + whole[0].Get("response.id").Str
		begun = time.Now()
		again := send(t, standIn, http.MethodGet, path+"?stream=true&starting_after=4", "").events()
		if len(again) != len(whole)-5 || again[0].Raw != whole[5].Raw || time.Since(begun) != 0 {
			t.Errorf("got %d events of %d in %v", len(again), len(whole), time.Since(begun))
		}
		if r := send(t, standIn, http.MethodPost, path+"/cancel", ""); gjson.Get(r.body, "status").Str != "completed" {
			t.Errorf("got %s after the end", r.body)
		}

		// Another response is read again while it runs, and then cancelled.
		steps := standIn.Answer(mock.Request{Method: http.MethodPost, Path: "/v1/responses", Header: http.Header{}, Body: []byte(`{"model":"slow","background":true,"stream":true,"input":"hello"}`)}).Steps
		_, first, _ := strings.Cut(string(steps[0].Bytes), "data: ")
		path = "/v1/responses/" + gjson.Get(first, "response.id").Str
		time.Sleep(10 * time.Second)
		if r := send(t, standIn, http.MethodGet, path, ""); gjson.Get(r.body, "status").Str != "in_progress" {
			t.Errorf("got %s while the response runs", r.body)
		}
		begun = time.Now()
		if all := send(t, standIn, http.MethodGet, path+"?stream=true", "").events(); all[len(all)-1].Get("type").Str != "response.completed" || time.Since(begun) < took {
			t.Errorf("got %d events in %v", len(all), time.Since(begun))
		}
		steps = standIn.Answer(mock.Request{Method: http.MethodPost, Path: "/v1/responses", Header: http.Header{}, Body: []byte(`{"model":"slow","background":true,"stream":true,"input":"hello"}`)}).Steps
		_, first, _ = strings.Cut(string(steps[0].Bytes), "data: ")
		path = "/v1/responses/" + gjson.Get(first, "response.id").Str
		time.Sleep(10 * time.Second)
		if r := send(t, standIn, http.MethodPost, path+"/cancel", ""); gjson.Get(r.body, "status").Str != "cancelled" {
			t.Errorf("got %s, want a cancelled response", r.body)
		}
		begun = time.Now()
		if all := send(t, standIn, http.MethodGet, path+"?stream=true", "").events(); all[len(all)-1].Get("type").Str != "response.output_text.delta" || time.Since(begun) != 0 {
			t.Errorf("got %d events of a cancelled response in %v", len(all), time.Since(begun))
		}

		other := ask(t, standIn, "gpt-4o", "").events()[0].Get("response.id").Str
		for _, r := range []reply{
			send(t, standIn, http.MethodGet, "/v1/responses/"+other+"?stream=true", ""),
			send(t, standIn, http.MethodPost, "/v1/responses/"+other+"/cancel", ""),
		} {
			if r.status != http.StatusBadRequest {
				t.Errorf("got %d %s for a response that is not in the background", r.status, r.body)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	const body = `{"model":"error-400","stream":true,"input":"hi"}`
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		field, want              string
	}{
		{"status 400", "POST", "/v1/responses", body, nil, 400, "error.code", "context_length_exceeded"},
		{"a scenario", "POST", "/v1/responses", body, []string{mock.ScenarioHeader, "error-429"}, 429, "error.type", "requests"},
		{"a command", "POST", "/openai/responses", `{"model":"gpt-4o","input":"/error-500 now"}`, nil, 500, "error.type", "server_error"},
		{"no input", "POST", "/v1/responses", `{"model":"x"}`, nil, 400, "error.message", "Missing required parameter: 'input'."},
		{"no model", "POST", "/v1/responses", `{"input":"x"}`, nil, 400, "error.message", "you must provide a model parameter"},
		{"no JSON", "POST", "/v1/responses", `{`, nil, 400, "error.type", "invalid_request_error"},
		{"another method", "GET", "/v1/responses", "", nil, 405, "error.code", "method_not_supported"},
		{"a bad key", "POST", "/v1/responses", body, []string{"Authorization", "Bearer bad"}, 401, "error.code", "invalid_api_key"},
		{"an unknown response", "GET", "/v1/responses/resp_0", "", nil, 404, "error.type", "invalid_request_error"},
		{"an unknown response to cancel", "POST", "/v1/responses/resp_0/cancel", "", nil, 404, "error.type", "invalid_request_error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := send(t, mock.New(1, &Dialect{}), test.method, test.path, test.body, test.header...)
			if got := gjson.Get(r.body, test.field).String(); r.err != nil || r.status != test.status || got != test.want {
				t.Errorf("got %d %s, %v; want %d with %s %q", r.status, r.body, r.err, test.status, test.field, test.want)
			}
			if id := r.header.Get("X-Request-Id"); !strings.HasPrefix(id, "req_") {
				t.Errorf("got request id %q", id)
			}
		})
	}
}

func TestModelsAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(docs), "## OpenAI: responses\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range Models() {
		if !strings.Contains(section, "`"+m.Name+"`") {
			t.Errorf("docs/formats.md does not have %s", m.Name)
		}
	}
}

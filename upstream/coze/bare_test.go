package coze

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/upstream"
)

var randomID = regexp.MustCompile(`^char_42_[a-z0-9]{8}$`)

// numbered is an event's data with a running number of 42.
func numbered(e upstream.Event) string {
	f := e.Frame
	return f.Head[:f.Number] + strconv.Itoa(42) + f.Head[f.Number:] + e.Text + f.Tail
}

// A bare object gets the missing fields that clients of a chat expect.
func TestBareObjects(t *testing.T) {
	for _, test := range []struct {
		name  string
		data  string
		added []string // besides the id
	}{
		{"only key", `{"content":"hi"}`, []string{"created_at", "role", "type"}},
		{"content first", `{"content":"hi","x":1}`, []string{"created_at", "role", "type"}},
		{"content last", `{"x":1,"content":"hi"}`, []string{"created_at", "role", "type"}},
		{"reasoning", `{"reasoning_content":"hi"}`, []string{"created_at", "role", "type"}},
		{"white space in the braces", `{ "content" : "hi" }`, []string{"created_at", "role", "type"}},
		{"white space around", " \t{\t\"content\":\"hi\"\t} ", []string{"created_at", "role", "type"}},
		{"several lines", "{\n\"content\":\"hi\"\n}\n", []string{"created_at", "role", "type"}},
		{"braces in strings", `{"}":"{","content":"}{","z":"}"}`, []string{"created_at", "role", "type"}},
		{"nested", `{"a":{"id":"2"},"content":"hi","z":{"role":"y"}}`, []string{"created_at", "role", "type"}},
		{"role is there", `{"role":"tool","content":"hi"}`, []string{"created_at", "type"}},
		{"type is there", `{"content":"hi","type":"answer"}`, []string{"created_at", "role"}},
		{"time is there", `{"content":"hi","created_at":7}`, []string{"role", "type"}},
		{"time is null", `{"content":"hi","created_at":null}`, []string{"role", "type"}},
		{"all is there", `{"role":"assistant","type":"answer","content":"hi","created_at":7}`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := decoder{}
				e := d.Decode(eventDelta, test.data)
				if e.Frame.Number == 0 {
					t.Fatal("has no place for a running number")
				}
				checkCompleted(t, numbered(e), test.data, test.added)
			})
		})
	}
}

// checkCompleted compares an object with its original.
func checkCompleted(t *testing.T, completed, from string, added []string) {
	t.Helper()
	values := map[string]any{
		"role": "assistant", "type": "answer", "created_at": float64(time.Now().UnixMilli()),
	}
	var got, want map[string]any
	if err := json.Unmarshal([]byte(completed), &got); err != nil {
		t.Fatalf("got %s, which is not JSON: %v", completed, err)
	}
	if err := json.Unmarshal([]byte(from), &want); err != nil {
		t.Fatal(err)
	}
	if id, _ := got["id"].(string); !randomID.MatchString(id) {
		t.Errorf("got id %q, want it to match %s", id, randomID)
	}
	delete(got, "id")
	for name := range values {
		key, want := strconv.Quote(name), strings.Count(from, strconv.Quote(name))
		if slices.Contains(added, name) {
			want++
		}
		if n := strings.Count(completed, key); n != want {
			t.Errorf("got %s %d times in %s, want %d", key, n, completed, want)
		}
	}
	for _, name := range added {
		want[name] = values[name]
	}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, slices.Sorted(maps.Keys(want))) {
		t.Fatalf("got %s, want the keys of %s and %q", completed, from, added)
	}
	for name, value := range want {
		if a, b := asJSON(t, got[name]), asJSON(t, value); a != b {
			t.Errorf("got %s %s, want %s", name, a, b)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// An object with any id stays unchanged: clients recognize deltas by the missing created_at.
func TestObjectsWithIDGetNothing(t *testing.T) {
	for _, data := range []string{
		`{"id":"1","content":"hi"}`, `{"id":"","content":"hi"}`, `{"id":null,"content":"hi"}`,
		`{"id":1,"content":"hi"}`, `{"\u0069d":"1","content":"hi"}`,
	} {
		d := decoder{}
		if e := d.Decode(eventDelta, data); payload(e) != data || e.Frame.Number != 0 {
			t.Errorf("got %s with a number at %d, want %s", payload(e), e.Frame.Number, data)
		}
	}
}

// The ids of a stream end alike, those of two streams do not.
func TestBareIDsTellStreamsApart(t *testing.T) {
	ending := func(d *decoder) string {
		e := d.Decode(eventDelta, `{"content":"hi"}`)
		return e.Frame.Head[e.Frame.Number:]
	}
	var one, two decoder
	if a, b := ending(&one), ending(&one); a != b {
		t.Errorf("one stream's ids end in %q and %q", a, b)
	}
	if a, b := ending(&one), ending(&two); a == b {
		t.Errorf("two streams' ids both end in %q", a)
	}
}

func TestPhases(t *testing.T) {
	for _, test := range []struct {
		name        string
		event, data string
		keep        bool
		want        upstream.Phase
		wantEvent   string
		wantData    string
	}{
		{"created", "conversation.chat.created", `{"id":"1"}`, false, upstream.Running, "conversation.chat.created", `{"id":"1"}`},
		{"delta", eventDelta, `{"id":"1","content":"x"}`, false, upstream.Running, eventDelta, `{"id":"1","content":"x"}`},
		{"message completed", "conversation.message.completed", `{"id":"1"}`, false, upstream.Running, "conversation.message.completed", `{"id":"1"}`},
		{"audio", "conversation.audio.delta", `{"content":"AAAA"}`, false, upstream.Running, "conversation.audio.delta", `{"content":"AAAA"}`},
		{"unknown", "x.y", `what ever`, false, upstream.Running, "x.y", `what ever`},
		{"unnamed", "", `{"a":1}`, false, upstream.Running, "", `{"a":1}`},

		{"chat completed", eventChatCompleted, `{"id":"1"}`, false, upstream.MayClose, eventChatCompleted, `{"id":"1"}`},
		{"chat failed", eventChatFailed, `{"id":"1"}`, false, upstream.MayClose, eventChatFailed, `{"id":"1"}`},
		{"requires action", eventRequiresAction, `{"id":"1"}`, false, upstream.MayClose, eventRequiresAction, `{"id":"1"}`},
		{"error", eventError, `{"code":1}`, false, upstream.MayClose, eventError, `{"code":1}`},
		{"error in plain text", eventError, `oops`, false, upstream.MayClose, eventError, `oops`},

		{"empty completed", eventChatCompleted, `{}`, false, upstream.MayClose, eventChatCompleted, `{"status":"completed"}`},
		{"empty message completed", "conversation.message.completed", " {}\n", false, upstream.Running, "conversation.message.completed", `{"status":"completed"}`},
		{"empty of another name", "ping", `{}`, false, upstream.Running, "ping", `{}`},
		{"completed with a brace", eventChatCompleted, `{"a":{}}`, false, upstream.MayClose, eventChatCompleted, `{"a":{}}`},

		{"done", eventDone, `"[DONE]"`, false, upstream.Done, eventDone, `"[DONE]"`},
		{"bare done", eventDone, `[DONE]`, false, upstream.Done, eventDone, `[DONE]`},
		{"done with an URL", eventDone, `{"debug_url":"http://x"}`, false, upstream.Done, eventDone, `{"debug_url":"http://x"}`},
		{"empty done", eventDone, ``, false, upstream.Done, eventDone, ``},
		{"unnamed done", "", `"[DONE]"`, false, upstream.Done, "", `"[DONE]"`},
		{"unnamed bare done", "", `[DONE]`, false, upstream.Done, "", `[DONE]`},
		{"done as text", "x", `a [DONE]`, false, upstream.Running, "x", `a [DONE]`},

		{"studio", eventStudioDone, ``, false, upstream.Done, eventDone, `"[DONE]"`},
		{"studio with data", eventStudioDone, `{"a":1}`, false, upstream.Done, eventDone, `"[DONE]"`},
		{"studio kept", eventStudioDone, ``, true, upstream.Done, eventStudioDone, ``},
		{"done where studio's is kept", eventDone, `"[DONE]"`, true, upstream.Done, eventDone, `"[DONE]"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{keepStudioDone: test.keep}
			e := d.Decode(test.event, test.data)
			if phase := e.Meaning.Phase; phase != test.want {
				t.Errorf("got phase %d, want %d", phase, test.want)
			}
			if e.Frame.Name != test.wantEvent || payload(e) != test.wantData {
				t.Errorf("got %q %s, want %q %s", e.Frame.Name, payload(e), test.wantEvent, test.wantData)
			}
		})
	}
}

func TestErrorEvent(t *testing.T) {
	e := upstream.Event{Event: format.ErrorEvents(&upstream.Error{Code: 5023, Msg: `it "broke"`}, upstream.Sent{})[0]}
	const want = `{"code":5023,"msg":"it \"broke\""}`
	if e.Frame.Name != "error" || payload(e) != want || e.Frame.IsText() {
		t.Errorf("got %q %s, want error %s", e.Frame.Name, payload(e), want)
	}
}

func TestErrorBody(t *testing.T) {
	got := string(format.ErrorBody(apierror.NotFound.WithMsg(`no <"x">`), "id"))
	if want := `{"code":4200,"msg":"no <\"x\">","detail":{"logid":"id"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

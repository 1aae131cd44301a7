package coze

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

func contains(parts ...string) func(*testing.T, *recording) {
	return func(t *testing.T, r *recording) {
		for _, part := range parts {
			if !bytes.Contains(r.raw, []byte(part)) {
				t.Errorf("no %q in the stream", part)
			}
		}
	}
}

// checkCozeShape checks the bytes of a normal stream against what the service
// was recorded to send.
func checkCozeShape(t *testing.T, r *recording) {
	for _, part := range []string{": ", "id:", "retry:", "\r"} {
		if strings.HasPrefix(string(r.raw), part) || bytes.Contains(r.raw, []byte("\n"+part)) {
			t.Errorf("a line begins with %q", part)
		}
	}
	if !bytes.HasSuffix(r.raw, []byte("event:done\ndata:\"[DONE]\"\n\n")) {
		t.Errorf("the stream does not end with done")
	}
	keys := func(data string) (out []string) {
		gjson.Parse(data).ForEach(func(key, _ gjson.Result) bool { out = append(out, key.Str); return true })
		return out
	}
	want := []string{"id", "conversation_id", "bot_id", "role", "type", "content", "content_type", "chat_id", "section_id"}
	for _, e := range r.events() {
		m := gjson.Parse(e.data)
		switch e.name {
		case eventMessageDelta:
			if got := keys(e.data); !slices.Equal(got, want) {
				t.Fatalf("keys of a delta: %q", got)
			}
		case eventMessageCompleted:
			if got := keys(e.data); !slices.Equal(got, append(want[:9:9], "created_at")) {
				t.Fatalf("keys of a message: %q", got)
			}
		case eventChatCompleted:
			if u := m.Get("usage"); u.Get("token_count").Int() != u.Get("input_count").Int()+u.Get("output_count").Int() || u.Get("output_count").Int() == 0 {
				t.Errorf("usage %s", u.Raw)
			}
		}
		if id := m.Get("id").Str; e.name != eventDone && len(id) != 19 {
			t.Errorf("id %q in %s", id, e.name)
		}
	}
	if len(r.completed("verbose")) != 1 || len(r.completed("follow_up")) != 3 {
		t.Error("want one verbose message and three follow-ups")
	}
	if finish := r.completed("verbose")[0].Get("content").Str; gjson.Get(finish, "msg_type").Str != "generate_answer_finish" {
		t.Errorf("verbose content %q", finish)
	}
}

func checkHelp(t *testing.T, r *recording) {
	text := r.text("content")
	for _, s := range Scenarios() {
		if !strings.Contains(text, "`/"+s.Name+"`: "+s.About) {
			t.Errorf("/%s is not in the help", s.Name)
		}
	}
}

func checkReasoning(t *testing.T, r *recording) {
	thought := r.text("reasoning_content")
	if m := r.completed("answer")[0]; thought == "" || m.Get("reasoning_content").Str != thought {
		t.Errorf("reasoning %q, completed %s", thought, m.Raw)
	}
	thinking := true
	for _, e := range r.events() {
		if e.name != eventMessageDelta {
			continue
		}
		d := gjson.Parse(e.data)
		if reasons := d.Get("reasoning_content").Exists(); reasons != thinking {
			if reasons || d.Get("content").Str == "" {
				t.Fatalf("reasoning and content are mixed: %s", e.data)
			}
			thinking = false
		}
		if thinking && d.Get("content").Raw != `""` {
			t.Fatalf("a reasoning delta has content: %s", e.data)
		}
	}
}

func checkMessages(t *testing.T, r *recording) {
	ids := make(map[string]bool)
	for _, m := range r.completed("answer") {
		ids[m.Get("id").Str] = true
	}
	if len(ids) != 3 {
		t.Errorf("%d different answers, want 3", len(ids))
	}
}

func checkUnknown(t *testing.T, r *recording) {
	if len(r.completed("function_call")) != 1 || len(r.completed("tool_response")) != 1 {
		t.Error("want a function call and its response")
	}
	if !bytes.Contains(r.raw, []byte(`"content_type":"card"`)) {
		t.Error("no card")
	}
}

func checkStudio(t *testing.T, r *recording) {
	if !bytes.HasSuffix(r.raw, []byte("event:conversation.stream.done\ndata:\n\n")) {
		t.Error("wrong end")
	}
	for _, e := range r.events() {
		if e.name == eventMessageDelta && gjson.Get(e.data, "created_at").Int() == 0 {
			t.Fatalf("no created_at: %s", e.data)
		}
	}
}

func checkDumps(t *testing.T, r *recording) {
	for i, e := range r.events() {
		if n := len([]rune(gjson.Get(e.data, "content").Str)); e.name == eventMessageDelta && r.events()[i+1].name == eventMessageDelta && n != 100 {
			t.Errorf("a delta of %d characters", n)
		}
	}
}

func checkAtOnce(t *testing.T, r *recording) {
	if len(r.writes) != 1 || r.writes[0].at != 0 {
		t.Errorf("%d writes, the first after %v", len(r.writes), r.writes[0].at)
	}
}

func checkStall(t *testing.T, r *recording) {
	long := 0
	for i, w := range r.writes[1:] {
		if w.at-r.writes[i].at >= 20*time.Second {
			long++
		}
	}
	if long != 1 {
		t.Errorf("%d long silences, want 1", long)
	}
}

func checkASCII(t *testing.T, r *recording) {
	if i := slices.IndexFunc(r.raw, func(b byte) bool { return b > '~' }); i >= 0 {
		t.Errorf("byte %#x in the stream", r.raw[i])
	}
	contains(`\/`, `\t`, `\n`, `\"`, `\\`, `\u0001`)(t, r)
}

func checkSurrogates(t *testing.T, r *recording) {
	split := 0
	for _, e := range r.events() {
		content := gjson.Get(e.data, "content").Raw
		if i := strings.LastIndex(content, `\u`); e.name == eventMessageDelta && i >= 0 && strings.HasPrefix(content[i:], `\ud8`) {
			split++
		}
	}
	if split < 5 {
		t.Errorf("%d pairs are split", split)
	}
}

func checkBroken(t *testing.T, r *recording) {
	invalid, empty := 0, 0
	for _, e := range r.events() {
		switch {
		case e.name != eventMessageDelta:
		case !gjson.Valid(e.data):
			invalid++
		case !gjson.Get(e.data, "content").Exists():
			empty++
		}
	}
	if invalid != 1 || empty != 1 {
		t.Errorf("%d broken deltas and %d without content, want 1 and 1", invalid, empty)
	}
}

func checkLongLine(t *testing.T, r *recording) {
	longest := 0
	for _, e := range r.events() {
		if e.name == eventMessageDelta {
			longest = max(longest, len(gjson.Get(e.data, "content").Str))
		}
	}
	if longest < 1<<20 {
		t.Errorf("the longest delta has %d bytes", longest)
	}
}

func checkBytes(t *testing.T, r *recording) {
	for i, w := range r.writes {
		if len(w.data) != 1 || i > 0 && w.at-r.writes[i-1].at < time.Millisecond {
			t.Fatalf("write %d: %d bytes at %v", i, len(w.data), w.at)
		}
	}
}

func checkRetryAfter(t *testing.T, r *recording) {
	if got := r.header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q", got)
	}
}

func checkCutInside(t *testing.T, r *recording) {
	if bytes.HasSuffix(r.raw, []byte("\n\n")) || strings.Contains(string(r.raw), "follow_up") {
		t.Error("not cut inside an event in the middle")
	}
}

// checkSpeed checks the characters a second, within a fifth.
func checkSpeed(want float64) func(*testing.T, *recording) {
	return func(t *testing.T, r *recording) {
		if got := r.pace().speed; got < want*0.8 || got > want*1.2 {
			t.Errorf("%.1f characters a second, want about %v", got, want)
		}
	}
}

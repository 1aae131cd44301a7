package coze

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidwall/gjson"
)

// TestWorkflowChat checks the chat of a workflow against the documentation's example.
func TestWorkflowChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		ask := func(fields, message string) *recording {
			body := `{"workflow_id":"7","parameters":{},` + fields + `"additional_messages":[{"role":"user","content":"` + message + `","content_type":"text"}]}`
			return c.record(t.Context(), http.MethodPost, "/v1/workflows/chat", body)
		}
		r := ask(`"conversation_id":"77",`, "hi")
		checkCommon(t, r, order(opening, []string{eventMessageDelta}, goodEnd), 0)
		events := r.events()
		if last := events[len(events)-1]; last.name != eventDone || !strings.HasPrefix(gjson.Get(last.data, "debug_url").Str, "https://www.coze.com/work_flow?") {
			t.Errorf("it ends with %v", last)
		}
		if !strings.HasPrefix(string(r.raw), "event: conversation.chat.created\ndata: {") || strings.Contains(string(r.raw), "\ndata:{") {
			t.Error("there is no space after a colon")
		}
		if ids := r.chatIDs(t); !strings.HasPrefix(ids, "?conversation_id=77&") || c.status(ids) != statusCompleted {
			t.Errorf("the chat is %s and %s", ids, c.status(ids))
		}
		orders := make(map[string]bool)
		for _, e := range events {
			if e.name == eventMessageDelta {
				orders[strings.SplitN(e.data, ":", 2)[0]] = true
				if gjson.Get(e.data, "bot_id").Exists() {
					t.Fatalf("a delta has a bot: %s", e.data)
				}
			}
		}
		if len(orders) < 3 {
			t.Errorf("the deltas begin with %v", orders)
		}
		if r := ask(`"bot_id":"5",`, "/failed hi"); r.names()[len(r.names())-1] != eventChatFailed || !strings.Contains(string(r.raw), `"bot_id":"5"`) {
			t.Errorf("the scenario ends with %v", r.names())
		}
		if r := ask("", "/error-json"); gjson.GetBytes(r.raw, "code").Int() != codeNoAccess {
			t.Errorf("got %s", r.raw)
		}
	})
}

func TestWorkflowChatRefusals(t *testing.T) {
	for _, body := range []string{"", "{", `{"bot_id":"1"}`} {
		got := client{t, newStandIn(1)}.json(http.MethodPost, "/v1/workflows/chat", body)
		if got.Get("code").Int() != codeBadRequest {
			t.Errorf("%q: got %s", body, got.Raw)
		}
	}
}

package coze

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/mock/texts"

	"github.com/tidwall/gjson"
)

// status retrieves the status of a chat. The ids are a query.
func (c client) status(ids string) string {
	c.t.Helper()
	return c.json(http.MethodPost, "/v3/chat/retrieve"+ids, "").Get("data.status").Str
}

// TestChatAPIFollowsTheStream watches a chat from beside while it is streamed.
func TestChatAPIFollowsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		res := c.do(t.Context(), http.MethodPost, "/v3/chat?conversation_id=77", chatBody(askPoem, true))
		defer func() { _ = res.Body.Close() }()
		buf := make([]byte, 64<<10)
		sofar := &recording{}
		for {
			n, err := res.Body.Read(buf)
			if err != nil {
				break
			}
			sofar.raw = append(sofar.raw, buf[:n]...)
			checkSideView(t, c, sofar)
		}
		ids := sofar.chatIDs(t)
		if !strings.HasPrefix(ids, "?conversation_id=77&") {
			t.Errorf("the chat is %q", ids)
		}
		if got := c.status(ids); got != statusCompleted {
			t.Errorf("after the end: %q", got)
		}
	})
}

// checkSideView compares retrieve and message/list with the stream so far.
func checkSideView(t *testing.T, c client, sofar *recording) {
	t.Helper()
	want, messages := statusInProgress, "["
	for _, e := range sofar.events() {
		switch e.name {
		case eventChatCompleted:
			want = statusCompleted
		case eventMessageCompleted:
			messages += "," + e.data
		}
	}
	ids := sofar.chatIDs(t)
	if got := c.status(ids); got != want {
		t.Fatalf("status %q, want %q", got, want)
	}
	messages = strings.Replace(messages, "[,", "[", 1) + "]"
	if got := c.json(http.MethodGet, "/v3/chat/message/list"+ids, "").Get("data").Raw; got != messages {
		t.Fatalf("messages\n got %s\nwant %s", got, messages)
	}
}

// TestChatGoesOn checks that a chat whose stream was lost can be fetched.
func TestChatGoesOn(t *testing.T) {
	for _, scenario := range []string{"/cut", "/cut-early", "/no-done"} {
		t.Run(scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client{t, newStandIn(1)}
				r := c.ask(scenario)
				ids := r.chatIDs(t)
				if got := c.status(ids); got != statusInProgress {
					t.Errorf("right after the loss: %q", got)
				}
				time.Sleep(time.Minute)
				if got := c.status(ids); got != statusCompleted {
					t.Errorf("a minute later: %q", got)
				}
				list := c.json(http.MethodGet, "/v3/chat/message/list"+ids, "").Get("data")
				answer := list.Get(`#(type=="answer").content`).Str
				if answer != texts.Poem || !strings.HasPrefix(answer, r.text("content")) || len(list.Array()) != 5 {
					t.Errorf("fetched %s after %q", list.Raw, r.text("content"))
				}
			})
		})
	}
}

// TestStatusAtTheEnd checks how the chats of scenarios end that do not complete.
func TestStatusAtTheEnd(t *testing.T) {
	tests := []struct {
		scenario, status string
		code             int64
	}{
		{"/failed", statusFailed, codeInternal},
		{"/error-event", statusFailed, codeInternal},
		{"/studio-error", statusFailed, codeInternal},
		{"/hang", statusInProgress, 0},
		{"/tool", statusRequiresAction, 0},
		{"/byte-by-byte", statusCompleted, 0},
		{"/audio", statusCompleted, 0},
	}
	for _, test := range tests {
		t.Run(test.scenario, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client{t, newStandIn(1)}
				ids := c.askBriefly(test.scenario, time.Hour).chatIDs(t)
				got := c.json(http.MethodGet, "/v3/chat/retrieve"+ids, "").Get("data")
				if got.Get("status").Str != test.status || got.Get("last_error.code").Int() != test.code {
					t.Errorf("the chat is %s", got.Raw)
				}
			})
		})
	}
}

func TestChatWithoutStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		begun := time.Now()
		reply := c.json(http.MethodPost, "/v3/chat", chatBody("how are you", false))
		if time.Since(begun) != 0 || reply.Get("code").Raw != "0" || reply.Get("data.status").Str != statusInProgress {
			t.Fatalf("after %v: %s", time.Since(begun), reply.Raw)
		}
		ids := "?conversation_id=" + reply.Get("data.conversation_id").Str + "&chat_id=" + reply.Get("data.id").Str
		if got := c.json(http.MethodGet, "/v3/chat/message/list"+ids, ""); c.status(ids) != statusInProgress || got.Get("data").Raw != "[]" {
			t.Errorf("at once: %s", got.Raw)
		}
		time.Sleep(time.Minute)
		if got := c.json(http.MethodGet, "/v3/chat/message/list"+ids, ""); c.status(ids) != statusCompleted || len(got.Get("data").Array()) != 5 {
			t.Errorf("a minute later: %s", got.Raw)
		}
		if got := c.json(http.MethodGet, "/v3/chat/retrieve?conversation_id=1&chat_id="+reply.Get("data.id").Str, ""); got.Get("code").Int() != codeNotFound {
			t.Errorf("in another conversation: %s", got.Raw)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		res := c.do(t.Context(), http.MethodPost, "/v3/chat", chatBody(askPoem, true))
		defer func() { _ = res.Body.Close() }()
		first := make([]byte, 4096)
		n, err := res.Body.Read(first)
		if err != nil {
			t.Fatal(err)
		}
		head := &recording{raw: first[:n]}
		ids := head.chatIDs(t)
		created := gjson.Parse(head.events()[0].data)
		body := fmt.Sprintf(`{"conversation_id":%q,"chat_id":%q}`, created.Get("conversation_id").Str, created.Get("id").Str)
		for range 2 {
			if got := c.json(http.MethodPost, "/v3/chat/cancel", body); got.Get("code").Raw != "0" || got.Get("data.status").Str != statusCanceled {
				t.Errorf("cancel: %s", got.Raw)
			}
		}
		if rest := record(res); rest.names()[len(rest.names())-1] != eventDone {
			t.Error("cancel has cut the stream")
		}
		if got := c.json(http.MethodGet, "/v3/chat/message/list"+ids, "").Get("data").Raw; c.status(ids) != statusCanceled || got != "[]" {
			t.Errorf("after the end: %q, %s", c.status(ids), got)
		}
	})
}

func TestCancelAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		ids := c.ask(askPoem).chatIDs(t)
		if got := c.json(http.MethodPost, "/v3/chat/cancel"+ids, ""); got.Get("code").Int() != codeBadRequest {
			t.Errorf("cancel: %s", got.Raw)
		}
		if got := c.status(ids); got != statusCompleted {
			t.Errorf("status %q", got)
		}
	})
}

func TestSubmitToolOutputs(t *testing.T) {
	for _, stream := range []bool{true, false} {
		t.Run(fmt.Sprint("stream ", stream), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client{t, newStandIn(1)}
				r := c.ask("/tool what is the weather")
				ids := r.chatIDs(t)
				call := c.json(http.MethodGet, "/v3/chat/retrieve"+ids, "").Get("data.required_action.submit_tool_outputs.tool_calls.0")
				if call.Get("function.name").Str != toolName {
					t.Fatalf("the tool call is %s", call.Raw)
				}
				body := fmt.Sprintf(`{"stream":%v,"tool_outputs":[{"tool_call_id":%q,"output":"rain, 12 degrees"}]}`, stream, call.Get("id").Str)
				rest := c.record(t.Context(), http.MethodPost, "/v3/chat/submit_tool_outputs"+ids, body)
				if stream {
					checkCommon(t, rest, []string{eventChatInProgress, eventMessageDelta, eventMessageCompleted, eventChatCompleted, eventDone}, 0)
				} else if gjson.GetBytes(rest.raw, "data.status").Str != statusInProgress {
					t.Errorf("reply %s", rest.raw)
				}
				time.Sleep(time.Minute)
				answer := c.json(http.MethodGet, "/v3/chat/message/list"+ids, "").Get(`data.#(type=="answer").content`).Str
				if c.status(ids) != statusCompleted || !strings.Contains(answer, "rain, 12 degrees") {
					t.Errorf("the chat is %q and says %q", c.status(ids), answer)
				}
				if again := c.json(http.MethodPost, "/v3/chat/submit_tool_outputs"+ids, body); again.Get("code").Int() != codeBadRequest {
					t.Errorf("a second time: %s", again.Raw)
				}
			})
		})
	}
}

// TestStudioDialect checks that retrieve and message/list are GET only for a chat of
// coze-studio, and for any when the header says so.
func TestStudioDialect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		cloud, studio := c.ask("hi").chatIDs(t), c.ask("/studio hi").chatIDs(t)
		tests := []struct {
			name, method, ids, header string
			status                    int
		}{
			{"cloud", http.MethodPost, cloud, "", 200},
			{"cloud by header", http.MethodPost, cloud, "studio", 404},
			{"cloud by header, GET", http.MethodGet, cloud, "studio", 200},
			{"studio", http.MethodPost, studio, "", 404},
			{"studio, GET", http.MethodGet, studio, "", 200},
			{"no chat", http.MethodPost, "", "studio", 404},
		}
		for _, test := range tests {
			for _, path := range []string{"/v3/chat/retrieve", "/v3/chat/message/list"} {
				r := c.record(t.Context(), test.method, path+test.ids, "", dialectHeader, test.header)
				if r.status != test.status || gjson.ValidBytes(r.raw) == (r.status == http.StatusNotFound) {
					t.Errorf("%s: %s: got %d %s", test.name, path, r.status, r.raw)
				}
			}
		}
	})
}

func TestOnlineInfo(t *testing.T) {
	c := client{t, newStandIn(1)}
	if got := c.json(http.MethodGet, "/v1/bot/get_online_info?bot_id=77", ""); got.Get("data.bot_id").Str != "77" || got.Get("data.name").Str == "" {
		t.Errorf("got %s", got.Raw)
	}
	if got := c.json(http.MethodGet, "/v1/bot/get_online_info", ""); got.Get("code").Int() != codeBadRequest {
		t.Errorf("without bot_id: got %s", got.Raw)
	}
}

func TestChatStoreDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		var first, second string
		for i := range maxChats + 1 {
			data := c.json(http.MethodPost, "/v3/chat", chatBody("hi", false)).Get("data")
			ids := "?conversation_id=" + data.Get("conversation_id").Str + "&chat_id=" + data.Get("id").Str
			switch i {
			case 0:
				first = ids
			case 1:
				second = ids
			}
		}
		if c.status(first) != "" || c.status(second) != statusInProgress {
			t.Errorf("the first is %q, the second %q", c.status(first), c.status(second))
		}
	})
}

func TestChatStoreIsBoundedInBytes(t *testing.T) {
	const large = maxChatBytes / 4
	var b chatStore
	now := time.Now()
	for i := range 6 {
		long := message{Content: make([]byte, large)}
		b.add(fmt.Sprint(i), chatRecord{transitions: []transition{{at: now, message: &long}}})
	}
	for i, want := range []bool{false, false, false, true, true, true} {
		if _, ok := b.get(fmt.Sprint(i), now); ok != want {
			t.Errorf("chat %d is kept: %v, want %v", i, ok, want)
		}
	}
}

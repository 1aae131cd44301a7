package coze

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidwall/gjson"
)

// open creates a conversation and returns its query.
func (c client) open(body string) string {
	c.t.Helper()
	got := c.json(http.MethodPost, "/v1/conversation/create", body)
	id := got.Get("data.id").Str
	if got.Get("code").Raw != "0" || len(id) != 19 || got.Get("data.created_at").Int() == 0 {
		c.t.Fatalf("create: %s", got.Raw)
	}
	return "?conversation_id=" + id
}

// contents are the texts of a page of a conversation.
func (c client) contents(query, body string) (texts []string, page gjson.Result) {
	c.t.Helper()
	page = c.json(http.MethodPost, "/v1/conversation/message/list"+query, body)
	for _, m := range page.Get("data").Array() {
		texts = append(texts, m.Get("content").Str)
	}
	return texts, page
}

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		query := c.open(`{"meta_data":{"a":"b"},"messages":[{"role":"user","content":"first <&>","content_type":"text"}]}`)
		if got := c.json(http.MethodGet, "/v1/conversation/retrieve"+query, "").Get("data"); got.Get("meta_data").Raw != `{"a":"b"}` ||
			"?conversation_id="+got.Get("id").Str != query {
			t.Errorf("retrieve: %s", got.Raw)
		}
		made := c.json(http.MethodPost, "/v1/conversation/message/create"+query, `{"role":"assistant","content":"second","content_type":"text","meta_data":{"c":"d"}}`).Get("data")
		again := c.json(http.MethodGet, "/v1/conversation/message/retrieve"+query+"&message_id="+made.Get("id").Str, "").Get("data")
		if again.Raw != made.Raw || made.Get("meta_data.c").Str != "d" || made.Get("role").Str != "assistant" {
			t.Errorf("message: %s, then %s", made.Raw, again.Raw)
		}
		if texts, page := c.contents(query, ""); !slices.Equal(texts, []string{"second", "first <&>"}) || page.Get("last_id").Str != page.Get("data.1.id").Str {
			t.Errorf("list: %s", page.Raw)
		}
	})
}

func TestConversationPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		query := c.open("")
		for i := range 5 {
			c.json(http.MethodPost, "/v1/conversation/message/create"+query, fmt.Sprintf(`{"role":"user","content":"%d"}`, i))
		}
		_, all := c.contents(query, `{"order":"asc"}`)
		id := func(i int) string { return all.Get(fmt.Sprintf("data.%d.id", i)).Str }
		tests := []struct {
			name, body string
			want       string
			more       bool
		}{
			{"newest first", `{}`, "43210", false},
			{"oldest first", `{"order":"asc"}`, "01234", false},
			{"limit", `{"limit":2}`, "43", true},
			{"after", `{"order":"asc","limit":2,"after_id":"` + id(1) + `"}`, "23", true},
			{"last page", `{"order":"asc","limit":2,"after_id":"` + id(2) + `"}`, "34", false},
			{"before", `{"order":"asc","before_id":"` + id(2) + `"}`, "01", false},
			{"past the end", `{"order":"asc","after_id":"` + id(4) + `"}`, "", false},
			{"no such place", `{"after_id":"0","limit":99}`, "43210", false},
		}
		for _, test := range tests {
			texts, page := c.contents(query, test.body)
			if got := strings.Join(texts, ""); got != test.want || page.Get("has_more").Bool() != test.more || !page.Get("data").IsArray() {
				t.Errorf("%s: got %s", test.name, page.Raw)
			}
		}
	})
}

func TestConversationRefusals(t *testing.T) {
	c := client{t, newStandIn(1)}
	query := c.open("")
	tests := []struct {
		method, target, body string
		code                 int64
	}{
		{"GET", "/v1/conversation/retrieve?conversation_id=1", "", codeNotFound},
		{"POST", "/v1/conversation/message/list", "", codeNotFound},
		{"POST", "/v1/conversation/message/create?conversation_id=1", `{"role":"user","content":"x"}`, codeNotFound},
		{"POST", "/v1/conversation/message/create" + query, `{"role":"system","content":"x"}`, codeBadRequest},
		{"POST", "/v1/conversation/message/create" + query, `{"role":"user"}`, codeBadRequest},
		{"GET", "/v1/conversation/message/retrieve?conversation_id=1", "", codeNotFound},
		{"GET", "/v1/conversation/message/retrieve" + query + "&message_id=1", "", codeNotFound},
	}
	for _, test := range tests {
		if got := c.json(test.method, test.target, test.body); got.Get("code").Int() != test.code {
			t.Errorf("%s %s %s: got %s", test.method, test.target, test.body, got.Raw)
		}
	}
}

// TestOddMetaData checks what encoding/json refuses and gjson does not.
func TestOddMetaData(t *testing.T) {
	const deep = 10_001
	for _, meta := range []string{"[1]", `"x"`, "1", `{"a":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + "}"} {
		got := client{t, newStandIn(1)}.json(http.MethodPost, "/v1/conversation/create", `{"meta_data":`+meta+"}")
		if got.Get("data.meta_data").Raw != "{}" {
			t.Errorf("%.10s: got %s", meta, got.Raw)
		}
	}
}

// TestChatOpensConversation checks that the conversation of a chat can be retrieved,
// whether the client has named it or not, and that a chat changes nothing in one.
func TestChatOpensConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, newStandIn(1)}
		made := c.open(`{"meta_data":{"a":"b"}}`)
		for _, query := range []string{"", "?conversation_id=77", made} {
			data := c.json(http.MethodPost, "/v3/chat"+query, chatBody("hi", false)).Get("data")
			id := data.Get("conversation_id").Str
			got := c.json(http.MethodGet, "/v1/conversation/retrieve?conversation_id="+id, "").Get("data")
			if got.Get("id").Str != id || got.Get("meta_data.a").Exists() != (query == made) {
				t.Errorf("%q: got %s", query, got.Raw)
			}
		}
	})
}

func TestConversationStoreIsBounded(t *testing.T) {
	var many conversationStore
	for i := range maxConversations + 2 {
		many.open(conversation{ID: fmt.Sprint(i)})
	}
	var large conversationStore
	for i := range 6 {
		large.open(conversation{ID: fmt.Sprint(i)})
		large.add(storedMessage{ConversationID: fmt.Sprint(i), Content: make([]byte, maxConversationBytes/4)})
	}
	tests := []struct {
		store *conversationStore
		id    string
		want  bool
	}{
		{&many, "0", false},
		{&many, "1", false},
		{&many, "2", true},
		{&large, "2", false},
		{&large, "3", true},
	}
	for i, test := range tests {
		if _, ok := test.store.get(test.id); ok != test.want {
			t.Errorf("%d: conversation %s is kept: %v, want %v", i, test.id, ok, test.want)
		}
	}
	large.add(storedMessage{ConversationID: "5", Content: make([]byte, maxConversationBytes)})
	if large.bytes != 0 || len(large.kept) != 0 || len(large.order) != 0 {
		t.Errorf("after a message larger than the store, %d bytes are counted", large.bytes)
	}
}

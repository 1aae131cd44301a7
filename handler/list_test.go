package handler

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
)

// A client finds its running and kept streams by the conversation that the service or the
// client has named.
func TestListByConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, mock.New(3, cozemock.New()))
		list := func(owner, conversation string) (ids []string, ended bool) {
			r := request{method: "GET", url: listPath + "?conversation_id=" + conversation, header: map[string]string{"Authorization": owner}}
			a := server.serve(t.Context(), t, r)
			if a.status != http.StatusOK || !gjson.Parse(a.body).IsArray() {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			for _, item := range gjson.Parse(a.body).Array() {
				ids, ended = append(ids, item.Get("stream").Str), item.Get("ended").Bool()
				started, err := time.Parse(time.RFC3339Nano, item.Get("started").Str)
				if err != nil || time.Since(started) > time.Hour || item.Get("url").Str != streamsPath+ids[len(ids)-1] {
					t.Errorf("got %s", item)
				}
			}
			return ids, ended
		}
		const mine = "Bearer mine"
		r := getChat("/reasoning", "&conversation_id=123")
		r.header = map[string]string{"Authorization": mine}
		checked := false
		r.received = func(a answer) {
			created := gjson.Get(dataNamed(a.text(), "conversation.chat.created"), "conversation_id").Str
			if checked || created == "" {
				return
			}
			checked = true
			for _, conversation := range []string{"123", created} {
				if got, ended := list(mine, conversation); len(got) != 1 || got[0] != a.header("Typewriter-Stream") || ended {
					t.Errorf("%s, running: got %v, ended: %v", conversation, got, ended)
				}
				for _, owner := range []string{"Bearer stranger", ""} {
					if got, _ := list(owner, conversation); len(got) > 0 {
						t.Errorf("%q: got %v", owner, got)
					}
				}
			}
		}
		a := server.serve(t.Context(), t, r)
		if !checked {
			t.Fatalf("got %d %s", a.status, a.text())
		}
		if got, ended := list(mine, "123"); len(got) != 1 || !ended {
			t.Errorf("kept: got %v, ended: %v", got, ended)
		}
		time.Sleep(5*time.Minute + time.Second)
		if got, _ := list(mine, "123"); len(got) > 0 {
			t.Errorf("after the retention: got %v", got)
		}
		plainChat := question("hello") // cannot be read again
		plainChat.url += "?conversation_id=124"
		plainChat.header = map[string]string{"Authorization": mine}
		plainChat.received = func(answer) {
			if got, _ := list(mine, "124"); len(got) > 0 {
				t.Errorf("without event ids: got %v", got)
			}
		}
		server.serve(t.Context(), t, plainChat)
		for _, query := range []string{"", "?conversation_id="} {
			if a := server.serve(t.Context(), t, request{method: "GET", url: listPath + query}); a.status != http.StatusBadRequest {
				t.Errorf("%q: got %d", query, a.status)
			}
		}
	})
}

// dataNamed returns the data of the first event with a name.
func dataNamed(stream, name string) string {
	_, rest, _ := strings.Cut(stream, "event:"+name+"\n")
	_, data, _ := strings.Cut(rest, "data:")
	data, _, _ = strings.Cut(data, "\n")
	return data
}

// A conversation that only the request names counts, too.
func TestListByParameter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := newTestHandler(t, streaming(nil, slowly...))
		for i, r := range []request{
			{method: "GET", url: "/v3/chat?mode=raw&conversation_id=c"},
			{method: "POST", url: "/v3/chat?conversation_id=c", body: "{}", header: map[string]string{"Idempotency-Key": "k"}},
		} {
			server.serve(t.Context(), t, r)
			a := server.serve(t.Context(), t, request{method: "GET", url: listPath + "?conversation_id=c"})
			if got := gjson.Get(a.body, "#").Int(); got != int64(i+1) {
				t.Errorf("%s: got %s", r.method, a.body)
			}
		}
	})
}

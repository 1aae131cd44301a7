package house

import (
	"reflect"
	"strings"
	"testing"

	"sse-typewriter/upstream"
)

func TestReadQuestion(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       upstream.Question
	}{
		{
			"a question",
			`{"bot_id":"b","user_id":"u","stream":true,"additional_messages":[{"role":"user","content":"\"hi\"","content_type":"text"}]}`,
			upstream.Question{Messages: []upstream.Message{{Role: "user", Text: `"hi"`}}, Bot: "b", User: "u"},
		},
		{
			"a conversation",
			`{"additional_messages":[{"role":"system","content":"s"},{"content":"a"},{"role":"assistant","content":"b","type":"answer"},{"role":"user","content":"c"}]}`,
			upstream.Question{Messages: []upstream.Message{{Role: "system", Text: "s"}, {Role: "user", Text: "a"}, {Role: "assistant", Text: "b"}, {Role: "user", Text: "c"}}},
		},
		{
			"parts",
			`{"additional_messages":[{"content":"[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]","content_type":"object_string"}]}`,
			upstream.Question{Messages: []upstream.Message{{Role: "user", Text: "a\nb"}}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := readQuestion([]byte(test.body))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

func TestBadQuestions(t *testing.T) {
	for body, want := range map[string]string{
		`hello`:                      "want JSON",
		`[]`:                         "want JSON",
		`{}`:                         "additional_messages is missing",
		`{"additional_messages":[]}`: "additional_messages is missing",
		`{"stream":false,"additional_messages":[{"content":"a"}]}`:                                      "stream is false",
		`{"additional_messages":[{"content":"a"},{"role":"tool","content":"b"}]}`:                       `additional_messages[1]: role "tool"`,
		`{"additional_messages":[{"role":"user"}]}`:                                                     "content is missing",
		`{"additional_messages":[{"content":"a","content_type":"card"}]}`:                               `content_type "card"`,
		`{"additional_messages":[{"content":"[{\"type\":\"image\"}]","content_type":"object_string"}]}`: "part without text",
	} {
		if _, err := readQuestion([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
}

package house

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/upstream"
)

// readQuestion implements ReadQuestion of [upstream.Translation]. The field
// additional_messages is the conversation.
func readQuestion(body []byte) (upstream.Question, error) {
	object := gjson.ParseBytes(body)
	switch messages := object.Get("additional_messages"); {
	case !gjson.ValidBytes(body) || !object.IsObject():
		return upstream.Question{}, errors.New(`request body cannot be read: want JSON as {"additional_messages":[{"role":"user","content":"..."}]}, or a question as text/plain`)
	case object.Get("stream").Type == gjson.False:
		return upstream.Question{}, errors.New("stream is false: in front of this AI service, all answers are streams")
	case !messages.IsArray() || len(messages.Array()) == 0:
		return upstream.Question{}, errors.New("additional_messages is missing: want the conversation, with the question at the end")
	default:
		q := upstream.Question{Bot: object.Get("bot_id").String(), User: object.Get("user_id").String()}
		for i, message := range messages.Array() {
			m, err := readMessage(message)
			if err != nil {
				return upstream.Question{}, fmt.Errorf("additional_messages[%d]: %w", i, err)
			}
			q.Messages = append(q.Messages, m)
		}
		return q, nil
	}
}

// readMessage decodes a message. Without a role, the message is the user's.
func readMessage(v gjson.Result) (m upstream.Message, err error) {
	switch m.Role = v.Get("role").String(); m.Role {
	case "user", "assistant", "system":
	case "":
		m.Role = "user"
	default:
		return m, fmt.Errorf("role %q: want user, assistant or system", m.Role)
	}
	text := v.Get("content")
	if text.Type != gjson.String {
		return m, errors.New("content is missing: want a text")
	}
	switch kind := v.Get("content_type").String(); kind {
	case "", "text":
		m.Text = text.Str
	case "object_string":
		m.Text, err = readParts(text.Str)
	default:
		return m, fmt.Errorf("content_type %q: want text", kind)
	}
	return m, err
}

// readParts returns the text of a content with several parts.
func readParts(data string) (string, error) {
	var texts []string
	for _, part := range gjson.Parse(data).Array() {
		if part.Get("type").String() != "text" {
			return "", errors.New("content has a part without text: only texts can be asked")
		}
		texts = append(texts, part.Get("text").String())
	}
	return strings.Join(texts, "\n"), nil
}

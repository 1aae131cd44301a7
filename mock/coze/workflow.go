package coze

import (
	"encoding/json"
	"net/http"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// workflowChat serves POST /v1/workflows/chat: a chat in a slightly different format, always
// as a stream.
func (c *call) workflowChat() mock.Reply {
	workflow := c.Field("workflow_id").String()
	switch {
	case !gjson.ValidBytes(c.Body):
		return c.refuse(http.StatusOK, codeBadRequest, "the request body is not valid JSON")
	case workflow == "":
		return c.refuse(http.StatusOK, codeBadRequest, "the field workflow_id is required")
	}
	scene, question, refusal := c.scene()
	if refusal != nil {
		return *refusal
	}
	if scene.send == nil {
		scene.send = mock.Whole(mock.SSE)
	}
	scene.prepare = func(s *chatScript) {
		s.encode = func(m message) []byte { return shuffled(s, m) }
		s.last = jsonx.Marshal(struct {
			DebugURL string `json:"debug_url"`
		}{"https://www.coze.com/work_flow?execute_id=" + newID(c.Rand) + "&space_id=" + newID(c.Rand) + "&workflow_id=" + workflow + "&execute_mode=2"})
	}
	// The conversation id is in the body.
	c.Query.Set("conversation_id", c.Field("conversation_id").String())
	return c.perform(scene, question, true)
}

// shuffled returns a delta of a workflow's chat: the keys in random order, and no bot_id
// without a bot.
func shuffled(s *chatScript, m message) []byte {
	type pair struct{ key, value string }
	var pairs []pair
	gjson.ParseBytes(jsonx.Marshal(m)).ForEach(func(key, value gjson.Result) bool {
		if key.Str != "bot_id" || value.Str != "" {
			pairs = append(pairs, pair{key.Raw, value.Raw})
		}
		return true
	})
	s.rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	out := json.RawMessage("{")
	for i, p := range pairs {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, p.key...), ':'), p.value...)
	}
	return append(out, '}')
}

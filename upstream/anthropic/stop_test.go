package anthropic

import (
	"strings"
	"testing"

	"sse-typewriter/upstream"
)

func TestStopped(t *testing.T) {
	const (
		blockStop   = `{"type":"content_block_stop","index":3}`
		messageStop = `{"type":"message_stop"}`
	)
	for _, test := range []struct {
		name, last, want string
	}{
		{"in a text", strings.Replace(text("ab").Data, `"index":0`, `"index":3`, 1), blockStop + messageStop},
		{"in an input", `{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{"}}`, blockStop + messageStop},
		{"in an empty block", `{"type":"content_block_start","index":3,"content_block":{"type":"text","text":""}}`, blockStop + messageStop},
		{"between blocks", blockStop, messageStop},
		{"before a block", `{"type":"message_start","message":{}}`, messageStop},
		{"at the end", messageStop, ""},
		{"at the beginning", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sent upstream.Sent
			if test.last != "" {
				d := decoder{}
				sent.Add(d.Decode("", test.last).Event)
			}
			got := ""
			for _, e := range stopped(sent) {
				if !strings.Contains(e.Payload(), `"type":"`+e.Frame.Name+`"`) {
					t.Errorf("got event %s with %s", e.Frame.Name, e.Payload())
				}
				got += e.Payload()
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

package declarative

import (
	"fmt"
	"strings"
	"testing"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/coze"
)

// Deltas of two characters, as services send them. That of Coze is here for comparison.
const (
	cozeDelta = `{"id":"7371089265172791332","conversation_id":"7371089265172676644","bot_id":"73710","role":"assistant",` +
		`"type":"answer","content":"你好","content_type":"text","chat_id":"7371089265172742180","section_id":"7371089265172676644","x":"123456789abcdef"}`
	wenxinDelta = `{"id":"as-7371089265172791332","object":"chat.completion","created":1770933892,"sentence_id":1,"is_end":false,"is_truncated":false,` +
		`"result":"你好","need_clear_history":false,"usage":{"prompt_tokens":339,"completion_tokens":83,"total_tokens":422}}`
	dashScopeHead = `{"output":{"choices":[{"message":{"content":"`
	dashScopeTail = `","reasoning_content":"","role":"assistant"},"finish_reason":"null"}]},"usage":{"total_tokens":290,"output_tokens":%d,"input_tokens":287},"request_id":"a1959ad1-2637-4672-a21f-4d351371d254"}`
)

// BenchmarkStream decodes deltas, splits their texts and encodes the pieces; an operation is
// one delta of a stream with 200.
func BenchmarkStream(b *testing.B) {
	const deltas = 200
	whole := func(i int) string {
		return dashScopeHead + strings.Repeat("你好", i+1) + fmt.Sprintf(dashScopeTail, i)
	}
	for _, bench := range []struct {
		name   string
		format *upstream.Format
		event  string
		data   func(i int) string
	}{
		{"coze", coze.New(coze.Options{}), "conversation.message.delta", func(int) string { return cozeDelta }},
		{"wenxin", builtinFormat(b, "wenxin"), "", func(int) string { return wenxinDelta }},
		{"dashscope, increments", withSnapshots(b, "no"), "result", func(i int) string { return dashScopeHead + "你好" + fmt.Sprintf(dashScopeTail, i) }},
		{"dashscope, snapshots", withSnapshots(b, "yes"), "result", whole},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			var stream []string
			for i := range deltas {
				stream = append(stream, bench.data(i))
			}
			skip := &typewriter.Skip{}
			skip.Set()
			pace := typewriter.DefaultPace(typewriter.Typewriter)
			pace.MinInterval = 0
			var log *typewriter.Log
			var decoder upstream.Decoder
			w, n := &encoder{}, 0
			for b.Loop() {
				if n%deltas == 0 {
					log, decoder = typewriter.NewLog(typewriter.LogOptions{}), bench.format.NewDecoder()
				}
				if err := log.Append(decoder.Decode(bench.event, stream[n%deltas]).Event); err != nil {
					b.Fatal(err)
				}
				if n++; n%deltas == 0 {
					log.End()
					if err := (&typewriter.Player{Log: log, Pace: pace, Skip: skip}).Play(b.Context(), w); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// encoder encodes events for no client.
type encoder struct{ buf []byte }

func (e *encoder) Write(o *typewriter.Output) error {
	e.buf = o.AppendData(append(e.buf[:0], "data: "...))
	return nil
}

func (e *encoder) Flush() error     { return nil }
func (e *encoder) Heartbeat() error { return nil }

package coze

import (
	"fmt"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// cozeDelta is a delta as Coze sends it: 255 bytes for two characters.
const cozeDelta = `{"id":"7371089265172791332","conversation_id":"7371089265172676644","bot_id":"73710","role":"assistant",` +
	`"type":"answer","content":"你好","content_type":"text","chat_id":"7371089265172742180","section_id":"7371089265172676644","x":"123456789abcdef"}`

// BenchmarkDecode reads a stream; an operation is an event.
func BenchmarkDecode(b *testing.B) {
	const events = 1000
	stream := strings.Repeat("event:conversation.message.delta\ndata:"+cozeDelta+"\n\n", events) + "event:done\ndata:\"[DONE]\"\n\n"
	for _, size := range []int{len(stream) / events, 4096, len(stream)} {
		b.Run(fmt.Sprintf("pieces=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(stream)) / events)
			for n := 0; n < b.N; n += events {
				seq, failure := bareReply(testenv.InPieces(stream, size)).Events()
				for range seq {
				}
				if err := failure(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecodeLong reads an event of megabytes. The time must grow linearly.
func BenchmarkDecodeLong(b *testing.B) {
	for _, megabytes := range []int{1, 4} {
		for _, size := range []int{1024, 16384} {
			b.Run(fmt.Sprintf("size=%dMiB/pieces=%d", megabytes, size), func(b *testing.B) {
				stream := "data:" + strings.Repeat("x", megabytes<<20) + "\n\ndata:[DONE]\n\n"
				b.ReportAllocs()
				b.SetBytes(int64(len(stream)))
				for b.Loop() {
					seq, failure := bareReply(testenv.InPieces(stream, size)).Events()
					for range seq {
					}
					if err := failure(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkEvent decodes deltas and other events.
func BenchmarkEvent(b *testing.B) {
	other := strings.Replace(cozeDelta, `7371089265172791332`, `7371089265172791333`, 1)
	for _, bench := range []struct {
		name  string
		event string
		data  [2]string // in turn
	}{
		{"delta", eventDelta, [2]string{cozeDelta, cozeDelta}},
		{"new frame", eventDelta, [2]string{cozeDelta, other}},
		{"bare", eventDelta, [2]string{`{"content":"你"}`, `{"content":"好"}`}},
		{"whole", "conversation.message.completed", [2]string{cozeDelta, cozeDelta}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			d := decoder{}
			for n := 0; b.Loop(); n++ {
				if e := d.Decode(bench.event, bench.data[n%2]); e.Frame == nil {
					b.Fatal("no frame")
				}
			}
		})
	}
}

// BenchmarkWorkflow decodes messages of a node, whose numbers differ.
func BenchmarkWorkflow(b *testing.B) {
	const count = 1000
	var data [count]string
	for i := range data {
		data[i] = fmt.Sprintf(`{"content":"你好","node_is_finish":false,"node_seq_id":"%d","node_title":"Message","node_id":"100001","node_execute_uuid":"7371089265172791332"}`, i)
	}
	b.ReportAllocs()
	d := &workflowDecoder{}
	for n := 0; b.Loop(); n++ {
		if n%count == 0 {
			d = &workflowDecoder{}
		}
		if e := d.Decode(workflowMessage, data[n%count]); !e.Frame.IsText() {
			b.Fatal("no text")
		}
	}
}

package responses

import (
	"strings"
	"testing"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/coze"
)

// Deltas of two characters. That of Coze is here for comparison.
const (
	cozeDelta = `{"id":"7371089265172791332","conversation_id":"7371089265172676644","bot_id":"73710","role":"assistant",` +
		`"type":"answer","content":"你好","content_type":"text","chat_id":"7371089265172742180","section_id":"7371089265172676644","x":"123456789abcdef"}`
	paddedDelta = `{"type":"response.output_text.delta","sequence_number":NUMBER,"item_id":"msg_0ca3f598125653cf01693c1f2ba6408195b1f9ddd95d7d331c",` +
		`"output_index":0,"content_index":0,"delta":"你好","logprobs":[],"obfuscation":"PADDING"}`
	plainDelta = `{"type":"response.output_text.delta","content_index":0,"delta":"你好","item_id":"msg_0ca3f598125653cf01693c1f2ba6408195b1f9ddd95d7d331c",` +
		`"logprobs":[],"output_index":0,"sequence_number":NUMBER}`
	tokenDelta = `{"type":"response.output_text.delta","content_index":0,"delta":"你好","item_id":"msg_0ca3f598125653cf01693c1f2ba6408195b1f9ddd95d7d331c",` +
		`"logprobs":[{"token":"你好","logprob":-0.5,"bytes":[228,189,160,229,165,189],"top_logprobs":[]}],"output_index":0,"sequence_number":NUMBER}`
)

// deltasOf returns two deltas that follow each other.
func deltasOf(data string) [2]string {
	return [2]string{
		strings.NewReplacer("NUMBER", "117", "PADDING", "aB3xYz9QwErTy7").Replace(data),
		strings.NewReplacer("NUMBER", "118", "PADDING", "xYz9Qw").Replace(data),
	}
}

var benchmarks = []struct {
	name  string
	from  *upstream.Format
	event string
	data  [2]string // in turn
}{
	{"coze", coze.New(coze.Options{}), "conversation.message.delta", deltasOf(cozeDelta)},
	{"plain", format, "response.output_text.delta", deltasOf(plainDelta)},
	{"padded", format, "response.output_text.delta", deltasOf(paddedDelta)},
	{"tokens", format, "response.output_text.delta", deltasOf(tokenDelta)},
}

// BenchmarkDecode decodes a delta.
func BenchmarkDecode(b *testing.B) {
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			d, n := bench.from.NewDecoder(), 0
			for b.Loop() {
				if e := d.Decode(bench.event, bench.data[n%2]); !e.Frame.IsText() {
					b.Fatal("no text")
				}
				n++
			}
		})
	}
}

// BenchmarkDelta decodes a delta, splits its text and encodes the pieces.
func BenchmarkDelta(b *testing.B) {
	const run = 200 // deltas in a log
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			d, n := bench.from.NewDecoder(), 0
			log, w := typewriter.NewLog(typewriter.LogOptions{}), &encoder{}
			for b.Loop() {
				if err := log.Append(d.Decode(bench.event, bench.data[n%2]).Event); err != nil {
					b.Fatal(err)
				}
				if n++; n%run == 0 {
					w.play(b, log)
					log = typewriter.NewLog(typewriter.LogOptions{})
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

// play plays a log without pauses.
func (e *encoder) play(b *testing.B, log *typewriter.Log) {
	log.End()
	pace, skip := typewriter.DefaultPace(typewriter.Typewriter), &typewriter.Skip{}
	pace.MinInterval = 0
	skip.Set()
	player := typewriter.Player{Log: log, Pace: pace, Skip: skip}
	if err := player.Play(b.Context(), e); err != nil {
		b.Fatal(err)
	}
}

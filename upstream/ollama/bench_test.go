package ollama

import (
	"strconv"
	"testing"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
	"sse-typewriter/upstream/coze"
)

// cozeDelta is a delta of Coze, for comparison.
const cozeDelta = `{"id":"7371089265172791332","conversation_id":"7371089265172676644","bot_id":"73710","role":"assistant",` +
	`"type":"answer","content":"你好","content_type":"text","chat_id":"7371089265172742180","section_id":"7371089265172676644","x":"123456789abcdef"}`

// benchLines are lines of a chat with different times.
func benchLines() []string {
	var lines []string
	for i := range 200 {
		lines = append(lines, `{"model":"llama3.2:3b-instruct-q4","created_at":"2026-11-24T10:00:00.`+strconv.Itoa(100_000_000+i)+`Z","message":{"role":"assistant","content":"你好"},"done":false}`)
	}
	return lines
}

// BenchmarkDecode decodes lines alone.
func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct {
		name    string
		decoder upstream.Decoder
		event   string
		data    []string
	}{
		{"coze", coze.New(coze.Options{}).NewDecoder(), "conversation.message.delta", []string{cozeDelta}},
		{"chat", format.NewDecoder(), "", benchLines()},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if e := bench.decoder.Decode(bench.event, bench.data[n%len(bench.data)]); !e.Frame.IsText() {
					b.Fatal("no text")
				}
				n++
			}
		})
	}
}

// BenchmarkLine decodes a line, splits its text and encodes the pieces; an operation is one
// line.
func BenchmarkLine(b *testing.B) {
	for _, bench := range []struct {
		name    string
		decoder upstream.Decoder
		event   string
		data    []string
	}{
		{"coze", coze.New(coze.Options{}).NewDecoder(), "conversation.message.delta", []string{cozeDelta}},
		{"chat", format.NewDecoder(), "", benchLines()},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			const perLog = 200
			log, w, skip := typewriter.NewLog(typewriter.LogOptions{}), &encoder{}, &typewriter.Skip{}
			skip.Set()
			pace := typewriter.DefaultPace(typewriter.Typewriter)
			pace.MinInterval = 0
			n := 0
			for b.Loop() {
				if err := log.Append(bench.decoder.Decode(bench.event, bench.data[n%len(bench.data)]).Event); err != nil {
					b.Fatal(err)
				}
				if n++; n%perLog == 0 {
					log.End()
					player := typewriter.Player{Log: log, Pace: pace, Skip: skip}
					if err := player.Play(b.Context(), w); err != nil {
						b.Fatal(err)
					}
					log = typewriter.NewLog(typewriter.LogOptions{})
				}
			}
		})
	}
}

// encoder encodes lines for no client.
type encoder struct{ buf []byte }

func (e *encoder) Write(o *typewriter.Output) error {
	e.buf = append(o.AppendData(e.buf[:0]), '\n')
	return nil
}

func (e *encoder) Flush() error     { return nil }
func (e *encoder) Heartbeat() error { return nil }

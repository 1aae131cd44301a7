package openai

import (
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
	chatDelta = openDelta + "}"
	openDelta = `{"id":"chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0","object":"chat.completion.chunk","created":1770933892,"model":"gpt-4.1-nano-2025-04-14",` +
		`"service_tier":"default","system_fingerprint":"fp_de604bd877","choices":[{"index":0,"delta":{"content":"你好"},"logprobs":null,"finish_reason":null}],"usage":null`
	paddedDelta = openDelta + `,"obfuscation":"PADDING"}`
	roleDelta   = `{"id":"gen-1762064096-m5VxL2xrxOREwashCey6","provider":"xAI","model":"x-ai/grok-4","object":"chat.completion.chunk","created":1762064097,` +
		`"choices":[{"index":0,"delta":{"role":"assistant","content":"你好"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}`
	twinDelta = `{"id":"gen-1762064096-m5VxL2xrxOREwashCey6","provider":"xAI","model":"x-ai/grok-4","object":"chat.completion.chunk","created":1762064097,` +
		`"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"你好","reasoning_details":[{"type":"reasoning.text","text":"你好","format":"unknown","index":0}]},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}`
	finishDelta = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1770933892,"model":"kimi-k2","choices":[{"index":0,"delta":{"content":"你好"},` +
		`"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":339,"completion_tokens":83,"total_tokens":422}}`
)

// BenchmarkChunk decodes a delta, splits its text and encodes the pieces; an operation is
// one delta.
func BenchmarkChunk(b *testing.B) {
	other := strings.Replace(paddedDelta, "PADDING", "x", 1)
	for _, bench := range []struct {
		name    string
		decoder upstream.Decoder
		event   string
		data    [2]string // in turn
	}{
		{"coze", coze.New(coze.Options{}).NewDecoder(), "conversation.message.delta", [2]string{cozeDelta, cozeDelta}},
		{"chat", format.NewDecoder(), "", [2]string{chatDelta, chatDelta}},
		{"role", format.NewDecoder(), "", [2]string{roleDelta, roleDelta}},
		{"twin", format.NewDecoder(), "", [2]string{twinDelta, twinDelta}},
		{"padded", format.NewDecoder(), "", [2]string{paddedDelta, other}},
		{"finish", format.NewDecoder(), "", [2]string{finishDelta, strings.Replace(finishDelta, "422", "423", 1)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			log, w := typewriter.NewLog(typewriter.LogOptions{}), &encoder{}
			skip := &typewriter.Skip{}
			skip.Set()
			n := 0
			for b.Loop() {
				e := bench.decoder.Decode(bench.event, bench.data[n%2])
				n++
				if err := log.Append(e.Event); err != nil {
					b.Fatal(err)
				}
				if n%benchRun == 0 {
					w.play(b, log, skip)
					log = typewriter.NewLog(typewriter.LogOptions{})
				}
			}
		})
	}
}

// benchRun is the number of deltas in a log.
const benchRun = 200

// encoder encodes events for no client.
type encoder struct{ buf []byte }

func (e *encoder) Write(o *typewriter.Output) error {
	e.buf = o.AppendData(append(e.buf[:0], "data: "...))
	return nil
}

func (e *encoder) Flush() error     { return nil }
func (e *encoder) Heartbeat() error { return nil }

func (e *encoder) play(b *testing.B, log *typewriter.Log, skip *typewriter.Skip) {
	log.End()
	pace := typewriter.DefaultPace(typewriter.Typewriter)
	pace.MinInterval = 0
	player := typewriter.Player{Log: log, Pace: pace, Skip: skip}
	if err := player.Play(b.Context(), e); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDecode decodes deltas alone.
func BenchmarkDecode(b *testing.B) {
	other := strings.Replace(paddedDelta, "PADDING", "x", 1)
	for _, bench := range []struct {
		name    string
		decoder upstream.Decoder
		event   string
		data    [2]string
	}{
		{"coze", coze.New(coze.Options{}).NewDecoder(), "conversation.message.delta", [2]string{cozeDelta, cozeDelta}},
		{"chat", format.NewDecoder(), "", [2]string{chatDelta, chatDelta}},
		{"twin", format.NewDecoder(), "", [2]string{twinDelta, twinDelta}},
		{"coze, a new frame", coze.New(coze.Options{}).NewDecoder(), "conversation.message.delta", [2]string{cozeDelta, strings.Replace(cozeDelta, "7371089265172791332", "7371089265172791333", 1)}},
		{"padded", format.NewDecoder(), "", [2]string{paddedDelta, other}},
		{"finish", format.NewDecoder(), "", [2]string{finishDelta, strings.Replace(finishDelta, "422", "423", 1)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if e := bench.decoder.Decode(bench.event, bench.data[n%2]); !e.Frame.IsText() {
					b.Fatal("no text")
				}
				n++
			}
		})
	}
}

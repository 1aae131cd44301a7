package anthropic

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/upstream/split/splittest"
)

// An SDK has the same result of a recorded stream and of the typed one, and each text is
// split.
func TestRecordings(t *testing.T) {
	for name, stream := range splittest.Recordings(t, "anthropic") {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				splittest.Check(t, rand.New(rand.NewPCG(seed, 0)), format, stream, newMessage)
			}
			d := decoder{}
			for _, e := range stream {
				delta := gjson.Get(e.Data, "delta")
				if got, want := d.Decode(e.Name, e.Data).Frame.IsText(), delta.Get("text").Str+delta.Get("thinking").Str != ""; got != want {
					t.Errorf("got typed %t of %s", got, e.Data)
				}
			}
		})
	}
}

const propertyCases = 1000

// An SDK has the same result of a stream and of the typed one.
func TestProperties(t *testing.T) {
	for i := range uint64(propertyCases) {
		r := rand.New(rand.NewPCG(17, i))
		ok := t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { splittest.Check(t, r, format, generate(r), newMessage) })
		if !ok {
			return
		}
	}
}

// generate generates a stream. Some gateways send no names of events.
func generate(r *rand.Rand) []splittest.Event {
	deltaName := []string{eventBlockDelta, eventBlockDelta, ""}[r.IntN(3)]
	events := []splittest.Event{{Name: eventMessageStart, Data: `{"type":"message_start","message":{"id":"msg_1"}}`}}
	extra := func() string { return []string{"", "", "", `"x":1,`, `"signature":"s",`, `"x":null,`}[r.IntN(6)] }
	for range 1 + r.IntN(12) {
		e := splittest.Event{Name: deltaName}
		delta := ""
		switch r.IntN(8) {
		case 0:
			delta = `"type":"thinking_delta",` + extra() + `"thinking":"` + splittest.Text(r) + `"`
		case 1:
			delta = `"type":"input_json_delta","partial_json":"` + splittest.Text(r) + `"`
		case 2:
			delta = `"type":"citations_delta","citation":{"cited_text":"a"}`
		case 3:
			delta = extra() + `"text":"` + splittest.Text(r) + `","type":"text_delta"`
		default:
			delta = `"type":"text_delta","text":"` + splittest.Text(r) + `"`
		}
		e.Data = fmt.Sprintf(`{"type":"content_block_delta","index":%d,"delta":{%s}%s}`, r.IntN(2), delta, strings.Repeat(" ", r.IntN(4)))
		switch r.IntN(14) {
		case 0:
			e = splittest.Event{Name: eventPing, Data: `{"type": "ping"}`}
		case 1:
			e.Name = "other"
		case 2:
			e.Data = "not JSON"
		case 3:
			e.Data = strings.Replace(e.Data, ",", ",\n", 1)
		}
		events = append(events, e)
	}
	return append(events, splittest.Event{Name: eventMessageStop, Data: `{"type":"message_stop"}`})
}

// Valid JSON stays valid, whole or cut, and the pieces are joined to the same message.
func FuzzSplit(f *testing.F) {
	for _, data := range []string{
		text("hi").Data, `{"type":"content_block_delta","index":-1e400,"delta":{"thinking":"\"\\\ud83d","type":"thinking_delta","x":[1]} }`,
		"{\n\"type\" : \"content_block_delta\" , \"delta\" : {\"text\":\"\u2028a\",\"type\":\"text_delta\"} }",
		`{"type":"content_block_delta","delta":{"t\u0065xt":"ab","type":"text_delta"}}`, `{"type":"content_block_delta","delta":[]}`,
		`{"type":"message_stop"}`, `{"type":"error","error":"x"}`, `{"type":"message_start","message":{"id":7}}`, `{"type":"content_block_delta","delta":{`,
	} {
		f.Add(data, "x")
	}
	f.Fuzz(func(t *testing.T, data, next string) {
		d := decoder{}
		e := d.Decode(eventBlockDelta, data)
		want := data
		if json.Valid([]byte(data)) {
			want = jsontext.SingleLine(data)
		}
		if e.Payload() != want {
			t.Fatalf("got %q, want %q", e.Payload(), want)
		}
		if !e.Frame.IsText() || !utf8.ValidString(data) {
			return
		}
		whole, joined := message{}, message{}
		whole.Add(splittest.Event{Name: eventBlockDelta, Data: data})
		for _, piece := range splittest.Pieces(t, e) {
			if !json.Valid([]byte(piece)) {
				t.Fatalf("got %q, which is not JSON", piece)
			}
			joined.Add(splittest.Event{Name: eventBlockDelta, Data: piece})
		}
		if fmt.Sprint(joined) != fmt.Sprint(whole) {
			t.Errorf("got %q, want %q", joined, whole)
		}
		quoted, err := json.Marshal(next)
		if err != nil || next == "" {
			return
		}
		e.Text = string(quoted[1 : len(quoted)-1]) // the next event of the run
		if again := d.Decode(eventBlockDelta, e.Payload()); again.Frame != e.Frame || again.Text != e.Text {
			t.Errorf("got text %q with frame %v, want %q", again.Text, again.Frame, e.Text)
		}
	})
}

// A run of deltas is decoded without allocations.
func TestDecodeAllocatesNothing(t *testing.T) {
	d := decoder{}
	events := slices.Repeat([]string{text("ab").Data, strings.TrimSuffix(text("cd").Data, "}") + "   }"}, 2)
	for _, data := range events {
		d.Decode(eventBlockDelta, data)
	}
	padded := events[1]
	if n := testing.AllocsPerRun(100, func() { d.Decode(eventBlockDelta, padded) }); n != 0 {
		t.Errorf("got %v allocations", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, test := range []struct{ name, data string }{
		{"plain", text("你好").Data},
		{"padded", strings.TrimSuffix(text("你好").Data, "}") + "        }"},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			d := decoder{}
			d.Decode(eventBlockDelta, test.data)
			for b.Loop() {
				d.Decode(eventBlockDelta, test.data)
			}
		})
	}
}

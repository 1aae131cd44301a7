package ollama

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
)

// checkStream plays a stream and compares what an SDK makes of the lines with what it makes
// of the stream itself.
func checkStream(t *testing.T, r *rand.Rand, stream []string) {
	t.Helper()
	events, _ := decodeAll(t, strings.Join(stream, "\n")+"\n")
	stream = stream[:min(len(events), len(stream))] // nothing is read after the end
	events = events[:len(stream)]                   // without the error of a cut
	pace := typewriter.DefaultPace([]typewriter.Mode{typewriter.Typewriter, typewriter.Smooth, typewriter.Raw}[r.IntN(3)])
	pace.MaxLag = []time.Duration{50, 400, 3000}[r.IntN(3)] * time.Millisecond
	pace.SmoothMaxLag = pace.MaxLag
	pace.MinInterval = []time.Duration{0, 8, 40}[r.IntN(3)] * time.Millisecond
	longest := []time.Duration{1, 30, 300}[r.IntN(3)] * time.Millisecond
	var got []sent
	synctest.Test(t, func(t *testing.T) {
		got = play(t, pace, events, func() time.Duration { return time.Duration(r.Int64N(int64(longest))) })
	})
	want, have := result{}, result{}
	next := 0
	for _, s := range got {
		switch {
		case !s.isText:
			for ; next < len(stream) && events[next].Frame.IsText(); next++ {
				want.add(stream[next])
			}
			if next == len(stream) || s.data != jsontext.SingleLine(stream[next]) || !reflect.DeepEqual(have, want) {
				t.Fatalf("before %s:\ngot  %v\nwant %v", s.data, have, want)
			}
			want.add(stream[next])
			next++
		case s.isEmpty:
			t.Errorf("got an empty piece: %s", s.data)
		case s.lag > pace.MaxLag:
			t.Errorf("got %s after %v, want at most %v", s.data, s.lag, pace.MaxLag)
		}
		have.add(s.data)
	}
	for ; next < len(stream); next++ {
		want.add(stream[next])
	}
	if !reflect.DeepEqual(have, want) {
		t.Fatalf("at the end:\ngot  %v\nwant %v", have, want)
	}
}

// generate generates the lines of a chat, or of a completion.
func generate(r *rand.Rand) []string {
	some := func(values ...string) []string {
		var out []string
		for _, i := range r.Perm(len(values))[:r.IntN(len(values)+1)] {
			out = append(out, values[i])
		}
		return out
	}
	object := func(members []string) string {
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		space := []string{"", " ", "\t"}[r.IntN(3)]
		return "{" + space + strings.Join(members, space+","+space) + space + "}"
	}
	text := func() string {
		var out strings.Builder
		for range r.IntN(9) {
			out.WriteString([]string{"a", "b", " ", "你", "，", `\n`, `\"`, `\\`, "é", "👨‍👩‍👧", "\u2028", "\u0085", "🇨🇳", "}", `\u4f60`, "\u0301", `\ud83d\ude00`, `\ud83d-`, `\r`}[r.IntN(19)])
		}
		return out.String()
	}
	isChat := r.IntN(3) > 0
	var lines []string
	for range 1 + r.IntN(12) {
		members := append(some(`"model":"m"`, `"remote_model":"x"`, `"logprobs":[{"token":"a"}]`, `"context":[1]`, `"eval_count":3`),
			fmt.Sprintf(`"created_at":"2026-01-01T00:00:%02dZ"`, r.IntN(60)))
		texts := []string{`"thinking":"` + text() + `"`}
		switch message := append(some(`"tool_calls":[{"function":{}}]`, `"images":null`, `"role":"assistant"`), `"content":"`+text()+`"`); {
		case isChat && r.IntN(4) == 0:
			members = append(members, `"message":`+object(append(message, texts...)))
		case isChat:
			members = append(members, `"message":`+object(message))
		case r.IntN(4) == 0:
			members = append(members, `"response":""`, texts[0])
		default:
			members = append(members, `"response":"`+text()+`"`)
		}
		done := `"done":false`
		if r.IntN(12) == 0 {
			done = `"done":true,"done_reason":"stop"`
		}
		line := object(append(members, done))
		switch r.IntN(20) {
		case 0:
			line = "not JSON"
		case 1:
			line = `{"error":"no"}`
		case 2, 3, 4, 5, 6, 7:
			if len(lines) > 0 { // of a run
				line = strings.Replace(lines[len(lines)-1], "T00:00:", "T01:00:", r.IntN(2))
			}
		}
		lines = append(lines, line)
	}
	return lines
}

const propertyCases = 2000

// Whatever an SDK makes of a stream it makes of the typed one.
func TestProperties(t *testing.T) {
	for i := range uint64(propertyCases) {
		r := rand.New(rand.NewPCG(20261, i))
		if !t.Run(fmt.Sprint("seed ", i), func(t *testing.T) { checkStream(t, r, generate(r)) }) {
			return
		}
	}
}

// The same holds for the samples of Ollama's documents, each of which is an end or a stream.
func TestRecordings(t *testing.T) {
	const dir = "../../../shared/recordings/ollama"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there are no recordings")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("got %q, %v", paths, err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n") {
			for seed := range uint64(3) {
				checkStream(t, rand.New(rand.NewPCG(seed, 0)), []string{line})
			}
			d := decoder{}
			isTyped := gjson.Get(line, "message.content").Str+gjson.Get(line, "response").Str != ""
			if got := d.Decode("", line).Frame.IsText(); got != isTyped {
				t.Errorf("got typed %t of %s", got, line)
			}
		}
	}
}

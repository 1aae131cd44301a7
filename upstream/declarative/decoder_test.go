package declarative

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/upstream"
)

// A text is cut, and each piece has the fields that the description gives it.
func TestPieces(t *testing.T) {
	for _, test := range []struct {
		name, description string
		stream            []sse
		want              []string
	}{
		{
			"fields", "paths: [/a]\ntexts: [{path: d.text}]\nfirst: [d.role]\nlast: [usage, {path: d.end, otherwise: false}]",
			unnamed(`{"d":{"role":"x","text":"ab","end":true,"id":1},"usage":{"n":1}}`, `{"d":{"text":"cd","end":false}}`),
			[]string{
				`{"d":{"role":"x","text":"a","end":false,"id":1}}`, `{"d":{"text":"b","end":true,"id":1},"usage":{"n":1}}`,
				`{"d":{"text":"c","end":false}}`, `{"d":{"text":"d","end":false}}`,
			},
		},
		{
			"other values", "paths: [/a]\ntexts: [{path: t}]\nlast: [{path: a, otherwise: null}, {path: b, otherwise: 'null'}, {path: c, otherwise: []}]",
			unnamed(`{"a":1,"b":"x","c":[2],"t":"ab"}`),
			[]string{`{"a":null,"b":"null","c":[],"t":"a"}`, `{"a":1,"b":"x","c":[2],"t":"b"}`},
		},
		{
			"a list", "paths: [/a]\ntexts: [{path: c.*.parts.*.text}]",
			unnamed(`{"c":[{"parts":[{"call":1},{"text":"ab"},{"file":2}]}]}`),
			[]string{`{"c":[{"parts":[{"call":1},{"text":"a"}]}]}`, `{"c":[{"parts":[{"text":"b"},{"file":2}]}]}`},
		},
		{
			"types of events", "paths: [/a]\ntexts: [{path: text, types: [delta]}]",
			[]sse{{"delta", `{"text":"ab"}`}, {"whole", `{"text":"ab"}`}},
			[]string{`{"text":"a"}`, `{"text":"b"}`, `{"text":"ab"}`},
		},
		{
			"types within events", "paths: [/a]\ntype: event.kind\ntexts: [{path: text, types: [delta]}]",
			unnamed(`{"event":{"kind":"delta"},"text":"ab"}`, `{"event":{"kind":"whole"},"text":"ab"}`),
			[]string{`{"event":{"kind":"delta"},"text":"a"}`, `{"event":{"kind":"delta"},"text":"b"}`, `{"event":{"kind":"whole"},"text":"ab"}`},
		},
		{
			"unless", "paths: [/a]\ntexts: [{path: text, unless: [{path: echo}]}]",
			unnamed(`{"echo":false,"text":"ab"}`, `{"echo":true,"text":"ab"}`),
			[]string{`{"echo":false,"text":"a"}`, `{"echo":false,"text":"b"}`, `{"echo":true,"text":"ab"}`},
		},
		{
			"a twin", "paths: [/a]\ntexts: [{path: text, twin: c.*.text}]",
			unnamed(`{"text":"ab","c":[{"text":"ab","n":1}]}`, `{"text":"ab","c":[{"text":"xy"}]}`, `{"text":"ab","c":[]}`),
			[]string{`{"text":"a","c":[{"text":"a","n":1}]}`, `{"text":"b","c":[{"text":"b","n":1}]}`, `{"text":"ab","c":[{"text":"xy"}]}`, `{"text":"a","c":[]}`, `{"text":"b","c":[]}`},
		},
		{
			"not cut", "paths: [/a]\ntexts: [{path: a}, {path: b}]",
			unnamed(`{"a":"ab","b":"cd"}`, `{"a":"ab","a":"cd"}`, `{"a":["ab"]}`, `{"a":""}`, `"ab"`, `ab`, `{"a":"ab`),
			[]string{`{"a":"ab","b":"cd"}`, `{"a":"ab","a":"cd"}`, `{"a":["ab"]}`, `{"a":""}`, `"ab"`, `ab`, `{"a":"ab`},
		},
		{
			"snapshots", "paths: [/a]\nsnapshots: yes\ntexts: [{path: t}, {path: r, kind: reasoning}]\nlast: [{path: end, otherwise: false}]",
			unnamed(`{"t":"","r":"xy","n":1}`, `{"t":"a","r":"xy","n":2}`, `{"t":"abc","r":"xy","n":3}`, `{"t":"abc","r":"xy","n":4}`, `{"t":"abcde","r":"xy","end":true}`),
			[]string{
				`{"t":"","r":"x","n":1}`, `{"t":"","r":"xy","n":1}`, `{"t":"a","r":"xy","n":2}`, `{"t":"ab","r":"xy","n":3}`, `{"t":"abc","r":"xy","n":3}`,
				`{"t":"abc","r":"xy","n":4}`, `{"t":"abcd","r":"xy","end":false}`, `{"t":"abcde","r":"xy","end":true}`,
			},
		},
		{
			"replaced snapshots", "paths: [/a]\nsnapshots: yes\ntexts: [{path: t, twin: u}]",
			unnamed(`{"t":"ab","u":"ab"}`, `{"t":"x","u":"x"}`, `{"t":"xyz","u":"xyz"}`, `{"t":"y"}`, `{"t":"yz"}`),
			[]string{
				`{"t":"a","u":"a"}`, `{"t":"ab","u":"ab"}`, `{"t":"x","u":"x"}`, `{"t":"xy","u":"xy"}`, `{"t":"xyz","u":"xyz"}`,
				`{"t":"y"}`, `{"t":"yz"}`,
			},
		},
		{
			"two growing snapshots", "paths: [/a]\nsnapshots: yes\ntexts: [{path: t}, {path: r}]",
			unnamed(`{"t":"a","r":"x"}`, `{"t":"abc","r":"xyz"}`, `{"t":"abcde","r":"xyz"}`),
			[]string{`{"t":"a","r":"x"}`, `{"t":"abc","r":"xyz"}`, `{"t":"abcd","r":"xyz"}`, `{"t":"abcde","r":"xyz"}`},
		},
		{
			"a replaced snapshot beside a growing one", "paths: [/a]\nsnapshots: yes\ntexts: [{path: t}, {path: r}]",
			unnamed(`{"t":"a","r":""}`, `{"t":"abc","r":"x"}`, `{"t":"abcde","r":"y"}`, `{"t":"abcdefg","r":"y"}`),
			[]string{`{"t":"a","r":""}`, `{"t":"abc","r":"x"}`, `{"t":"abcde","r":"y"}`, `{"t":"abcdef","r":"y"}`, `{"t":"abcdefg","r":"y"}`},
		},
		{
			"observed snapshots", "paths: [/a]\nsnapshots: auto\ntexts: [{path: t}]",
			unnamed(`{"t":"abc"}`, `{"t":"abcdefgh"}`, `{"t":"abcdefghij"}`, `{"t":"abcdefghijk"}`),
			[]string{`{"t":"abc"}`, `{"t":"abcdefgh"}`, `{"t":"abcdefghi"}`, `{"t":"abcdefghij"}`, `{"t":"abcdefghijk"}`},
		},
		{
			"observed increments", "paths: [/a]\nsnapshots: auto\ntexts: [{path: t}]",
			unnamed(`{"t":"-"}`, `{"t":"--"}`, `{"t":"abc"}`, `{"t":"def"}`, `{"t":"gh"}`, `{"t":"gh"}`),
			[]string{`{"t":"-"}`, `{"t":"--"}`, `{"t":"abc"}`, `{"t":"def"}`, `{"t":"g"}`, `{"t":"h"}`, `{"t":"g"}`, `{"t":"h"}`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			events := decodeAll(parse(t, test.description).newDecoder(nil), test.stream)
			if got := typeAll(t, events); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// The body of a request decides whether events are snapshots.
func TestIncremental(t *testing.T) {
	d := parse(t, "paths: [/a]\nsnapshots: auto\nincremental: p.inc\ntexts: [{path: t}]")
	for body, want := range map[string]string{
		`{"p":{"inc":true}}`:   "a b a b c",
		`{"p":{"inc":false}}`:  "a ab abc",
		`{"p":{}}`:             "ab abc",
		`{"p":{"inc":"true"}}`: "ab abc",
		`no JSON`:              "ab abc",
		``:                     "ab abc",
	} {
		var got []string
		for _, data := range typeAll(t, decodeAll(d.newDecoder([]byte(body)), unnamed(`{"t":"ab"}`, `{"t":"abc"}`))) {
			got = append(got, strings.TrimSuffix(strings.TrimPrefix(data, `{"t":"`), `"}`))
		}
		if joined := strings.Join(got, " "); joined != want {
			t.Errorf("%s: got %q, want %q", body, joined, want)
		}
	}
}

// The answer is the same whether its events are snapshots or not, and whatever is not cut.
func TestAnswer(t *testing.T) {
	for _, test := range []struct {
		name, snapshots string
		texts           []string
		want            string
	}{
		{"increments", "no", []string{"ab", "cd", "cd"}, "abcdcd"},
		{"snapshots", "yes", []string{"ab", "abcd", "abcd", "abcdef"}, "abcdef"},
		{"observed snapshots", "auto", []string{"ab", "abcdefgh", "abcdefghij", "abcdefghijk"}, "abcdefghijk"},
		{"observed increments", "auto", []string{"ab", "cd", "ef", "gh"}, "abcdefgh"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, a := parse(t, "paths: [/a]\nsnapshots: "+test.snapshots+"\ntexts: [{path: t}]").newDecoder(nil), upstream.Answer{}
			for _, text := range test.texts {
				a.Add(d.Decode("", `{"t":"`+text+`"}`))
			}
			if got := a.Text(); strings.ReplaceAll(got, "\n\n", "") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Texts of different places and values are different texts, of their kinds.
func TestChannels(t *testing.T) {
	d := parse(t, `
paths: [/a]
texts:
  - {path: c.*.t, channel: [id, c.0.missing]}
  - {path: r, kind: reasoning}
  - {path: no, kind: refusal}
`).newDecoder(nil)
	seen := map[string]bool{}
	for _, data := range []string{`{"c":[{"t":"a"}]}`, `{"c":[{},{"t":"a"}]}`, `{"id":1,"c":[{"t":"a"}]}`, `{"r":"a"}`, `{"no":"a"}`} {
		frame := d.Decode("", data).Frame
		if seen[frame.Channel] || !frame.IsText() {
			t.Errorf("%s: got channel %q", data, frame.Channel)
		}
		seen[frame.Channel] = true
		if want := map[byte]int{'r': 1, 'n': 2}[data[2]]; int(frame.Kind) != want {
			t.Errorf("%s: got kind %d, want %d", data, frame.Kind, want)
		}
	}
	a, b := d.Decode("", `{"id":7,"c":[{"t":"a"}]}`), d.Decode("", `{"id":7,"c":[{"t":"bc"}]}`)
	if a.Frame != b.Frame {
		t.Error("events of a run do not share their frame")
	}
}

func TestMeaning(t *testing.T) {
	const description = `
paths: [/a]
texts: [{path: t}]
chat: id
usage: {input: u.in, output: u.out}
done: [{data: "[DONE]"}, {type: end}, {path: f, not: none}, {path: g, is: stop, unless: [{path: echo}]}]
error: {signs: [{type: fail}, {path: code}], message: [why]}
`
	for _, test := range []struct {
		name  string
		event sse
		want  upstream.Meaning
	}{
		{"nothing", sse{data: `{}`}, upstream.Meaning{}},
		{"no JSON", sse{data: `x`}, upstream.Meaning{}},
		{"text", sse{data: `{"t":"a","id":"7"}`}, upstream.Meaning{Kind: upstream.KindText, Chat: upstream.Chat{ID: "7"}, Message: "7"}},
		{"usage", sse{data: `{"u":{"in":1,"out":2}}`}, upstream.Meaning{Usage: &upstream.Usage{Input: 1, Output: 2, Total: 3}}},
		{"done by data", sse{data: ` [DONE]`}, upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Ended}},
		{"done by type", sse{"end", `{"t":"a"}`}, upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Ended}},
		{"not done", sse{data: `{"f":"none"}`}, upstream.Meaning{}},
		{"not done by null", sse{data: `{"f":null,"g":null}`}, upstream.Meaning{}},
		{"done by a field", sse{data: `{"f":"length"}`}, upstream.Meaning{Kind: upstream.KindCompleted, Phase: upstream.MayClose}},
		{"done by a value", sse{data: `{"g":"stop"}`}, upstream.Meaning{Kind: upstream.KindCompleted, Phase: upstream.MayClose}},
		{"done by a value, unless", sse{data: `{"g":"stop","echo":1}`}, upstream.Meaning{}},
		{"done with text", sse{data: `{"g":"stop","t":"a"}`}, upstream.Meaning{Kind: upstream.KindText, Phase: upstream.MayClose}},
		{"failed by type", sse{"fail", `{"why":"busy"}`}, upstream.Meaning{Kind: upstream.KindFailed, Phase: upstream.Ended, Failure: &upstream.Error{Msg: "busy"}}},
		{"failed by a field", sse{data: `{"code":"cut"}`}, upstream.Meaning{Kind: upstream.KindFailed, Phase: upstream.Ended, Failure: &upstream.Error{Reason: "cut", Msg: "the answer failed"}}},
		{"not failed", sse{data: `{"code":0}`}, upstream.Meaning{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := *parse(t, description).newDecoder(nil).Decode(test.event.name, test.event.data).Meaning
			if got.Kind != test.want.Kind || got.Phase != test.want.Phase || got.Chat != test.want.Chat || got.Message != test.want.Message {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if (got.Usage == nil) != (test.want.Usage == nil) || got.Usage != nil && *got.Usage != *test.want.Usage {
				t.Errorf("got usage %+v, want %+v", got.Usage, test.want.Usage)
			}
			if want := test.want.Failure; want != nil && (got.Failure == nil || got.Failure.Msg != want.Msg || want.Reason != "" && got.Failure.Reason != want.Reason) {
				t.Errorf("got failure %+v, want %+v", got.Failure, want)
			}
		})
	}
	if got := parse(t, "paths: [/a]\ntexts: [{path: t}]").newDecoder(nil).Decode("", "{}").Meaning.Phase; got != upstream.MayClose {
		t.Errorf("got phase %d of a format without an end, want MayClose", got)
	}
}

// A text that was forgotten for others is another text when it comes again.
func TestForgottenSnapshots(t *testing.T) {
	d := parse(t, "paths: [/a]\nsnapshots: yes\ntexts: [{path: t, channel: [id]}]").newDecoder(nil)
	var stream []sse
	for round := range 2 {
		for i := range maxChannels + 1 {
			stream = append(stream, sse{data: fmt.Sprintf(`{"id":%d,"t":"%s"}`, i, "ab"+strings.Repeat("c", round))})
		}
	}
	for i, e := range decodeAll(d, stream) {
		pieces := typeAll(t, []upstream.Event{e})
		if got := pieces[len(pieces)-1]; got != stream[i].data {
			t.Errorf("got %s, want %s", got, stream[i].data)
		}
	}
	pieces := typeAll(t, decodeAll(parse(t, "paths: [/a]\nsnapshots: yes\ntexts: [{path: t, channel: [id]}]").newDecoder(nil), stream))
	if got, want := pieces[len(pieces)-1], stream[len(stream)-1].data; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

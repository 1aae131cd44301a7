package declarative

import (
	"strings"
	"testing"
)

// Each fault of a description is named with its setting.
func TestFaults(t *testing.T) {
	const valid = "paths: [/a]\ntexts: [{path: a.b}]\n"
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "the description is empty"},
		{"nothing", "{}", "paths: want the paths of requests, such as [/v1/chat]\ntexts: want the texts of events, such as [{path: data.answer}]"},
		{"unknown setting", valid + "txts: []", "cannot read the description: yaml: unmarshal errors:\n  line 3: field txts not found in type declarative.Description"},
		{"unknown setting of a field", valid + "last: [{path: a.c, else: 1}]", "field else not found"},
		{"path of requests", "paths: [v1/chat]\ntexts: [{path: a}]", `paths[0]: "v1/chat": want a path such as /v1/chat`},
		{"pattern of requests", "paths: [/v1/ch*]\ntexts: [{path: a}]", `paths[0]: "/v1/ch*": want a path`},
		{"JSONPath", "paths: [/a]\ntexts: [{path: '$.a[0].b'}]", `path "$.a[0].b": want names joined by dots, with * for each element of a list, such as choices.*.delta.content`},
		{"empty name", "paths: [/a]\ntexts: [{path: a..b}]", `path "a..b": want names`},
		{"part of a name", "paths: [/a]\ntexts: [{path: a.b*}]", `path "a.b*": want names`},
		{"no path", "paths: [/a]\ntexts: [{kind: answer}]", "texts[0]: path is missing"},
		{"kind", "paths: [/a]\ntexts: [{path: a, kind: thought}]", `texts[0]: kind "thought": want answer, reasoning or refusal`},
		{"framing", valid + "framing: json", `framing: "json": want sse, compact-sse or ndjson`},
		{"snapshots", valid + "snapshots: maybe", `snapshots: "maybe": want no, yes or auto`},
		{"incremental", valid + "incremental: x", "incremental: want snapshots: auto with it"},
		{"names of lines", "paths: [/a]\nframing: ndjson\ntexts: [{path: a, types: [x]}]", "texts[0]: types: lines of JSON have no event names; want the path of an event's type in type"},
		{"field elsewhere", valid + "last: [c.d]", "last[0]: path c.d: no text is in c; want a member of an object that contains a text"},
		{"field within the text", valid + "first: [a.b.c]", "first[0]: path a.b.c: no text is in a.b"},
		{"no sign", valid + "done: [{is: x}]", "done[0]: want one of data, type and path"},
		{"two signs", valid + "done: [{data: x, type: y}]", "done[0]: want one of data, type and path"},
		{"is and not", valid + "error: {signs: [{path: a, is: b, not: c}]}", "error.signs[0]: want either is or not, with a path"},
		{"error that is no JSON", valid + "error: {data: '{message}'}", `error.data: "{message}" is not JSON`},
		{"placeholder", valid + `error: {body: '{"m":"{msg}"}'}`, "error.body: unknown placeholder {msg}: want one of {code}, {message}, {reason}, {request_id}, {status}"},
		{"question", valid + `ask: {path: v1, body: '{"q":"{text}"}'}`, `ask.path: "v1": want a path such as /v1/chat`},
		{"question's placeholder", valid + `ask: {path: /v1, body: '{"q":"{text}"}'}`, "ask.body: unknown placeholder {text}: want one of {bot}, {messages}"},
		{"stop", valid + `stop: {path: "/stop/{chat}", body: '{}'}`, "stop: want the path of the chat's id in chat"},
		{"example", valid + "examples: ['{']", `examples[0]: "{" is not JSON`},
		{"no example has it", valid + `examples: ['{"a":{"c":1,"d":2}}']`, "texts[0]: no example has a.b; a has c, d"},
		{"no example begins with it", valid + `examples: ['{"x":1}']`, "texts[0]: no example has a.b; the event has x"},
		{"example with a list", valid + `examples: ['{"a":[{"b":"x"}]}']`, "texts[0]: no example has a.b; a is a list"},
		{"example with a number", valid + `examples: ['{"a":{"b":1}}']`, "texts[0]: a.b is no string in the examples"},
		{"example without a field", valid + `last: [a.end]` + "\n" + `examples: ['{"a":{"b":"x"}}']`, "last[0]: no example has a.end; a has b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

// The examples of the built-in formats have all of their paths.
func TestBuiltin(t *testing.T) {
	formats := Builtin(Options{})
	if len(formats) < 4 {
		t.Errorf("got %d formats", len(formats))
	}
	files, err := builtin.ReadDir("formats")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := builtin.ReadFile("formats/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if d := parse(t, string(text)); len(d.Examples) == 0 {
			t.Errorf("%s has no examples", f.Name())
		}
	}
}

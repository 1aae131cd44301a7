package config

import (
	"reflect"
	"testing"
	"time"

	"sse-typewriter/typewriter"
)

// changed changes one of the default classes.
func changed(name string, change func(*typewriter.Class)) func(map[string]typewriter.Class) {
	return func(classes map[string]typewriter.Class) {
		class := classes[name]
		change(&class)
		classes[name] = class
	}
}

func TestPauses(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name string
		file string
		want func(map[string]typewriter.Class) // changes the default classes
	}{
		{"none", "seed: 1", func(map[string]typewriter.Class) {}},
		{"empty", "pauses: {}", func(map[string]typewriter.Class) {}},
		{"class of nothing", "pauses: {sentence: }", func(map[string]typewriter.Class) {}},
		{"length", "pauses: {sentence: {min: 1ms, max: 2ms}}", changed("sentence", func(s *typewriter.Class) { s.Min, s.Max = ms, 2*ms })},
		{"only the longest", "pauses: {clause: {max: 1s}}", changed("clause", func(s *typewriter.Class) { s.Max = 1000 * ms })},
		{"no pause", "pauses: {markup: {min: 0, max: 0s}}", changed("markup", func(s *typewriter.Class) { s.Min, s.Max = 0, 0 })},
		{"characters", "pauses: {sentence: {chars: '。', before-space: '.'}}", changed("sentence", func(s *typewriter.Class) { s.Chars, s.BeforeSpace = "。", "." })},
		{"no characters", "pauses:\n  markup:\n    chars: ''\n", func(c map[string]typewriter.Class) {
			c["markup"] = typewriter.Class{Min: 200 * ms, Max: 350 * ms}
		}},
		{"other", "pauses: {other: {min: 5ms}}", changed("other", func(s *typewriter.Class) { s.Min = 5 * ms })},
		{"new class", "pauses: {emoji: {chars: '😀', min: 10ms, max: 20ms}}", func(c map[string]typewriter.Class) {
			c["emoji"] = typewriter.Class{Chars: "😀", Min: 10 * ms, Max: 20 * ms}
		}},
		{"character moves", "pauses:\n  clause: {chars: '、，,：:；;'}\n  dash: {chars: '-', max: 1ms}\n", func(c map[string]typewriter.Class) {
			s := c["clause"]
			s.Chars = "、，,：:；;"
			c["clause"] = s
			c["dash"] = typewriter.Class{Chars: "-", Max: ms}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			classes := typewriter.DefaultClasses()
			test.want(classes)
			want, err := typewriter.NewPauses(classes)
			if err != nil {
				t.Fatal(err)
			}
			c, err := parse(file(t, test.file))
			if err != nil {
				t.Fatal(err)
			}
			paces, err := c.Paces()
			if err != nil {
				t.Fatal(err)
			}
			for mode, pace := range paces {
				if !reflect.DeepEqual(pace.Pauses, want) {
					t.Errorf("%s: got %+v, want %+v", mode, pace.Pauses, want)
				}
			}
		})
	}
}

func TestBadPauses(t *testing.T) {
	for _, test := range []struct {
		name, file string
		names      []string
	}{
		{"character twice", "pauses: {dash: {chars: '-'}}", []string{"pauses", "'-'"}},
		{"character twice in a class", "pauses: {sentence: {chars: '!'}}", []string{"pauses", `"sentence"`, "'!'"}},
		{"unknown key", "pauses: {sentence: {mni: 1ms}}", []string{"pauses", `"mni"`}},
		{"bad duration", "pauses: {sentence: {min: soon}}", []string{"pauses", `"soon"`}},
		{"duration without a unit", "pauses: {sentence: {max: 300}}", []string{"pauses", `"300"`}},
		{"least over most", "pauses: {sentence: {min: 2s, max: 1s}}", []string{"pauses", `"sentence"`, "2s", "1s"}},
		{"least over the default's most", "pauses: {sentence: {min: 9s}}", []string{"pauses", `"sentence"`, "9s"}},
		{"first of several", "pauses: {e: {min: -1s}, c: {min: -1s}, a: {min: -1s}, d: {min: -1s}, b: {min: -1s}}", []string{`"a"`}},
		{"too long", "pauses: {sentence: {max: 2m}}", []string{"pauses", `"sentence"`, "2m0s"}},
		{"below 0", "pauses: {sentence: {min: -1s}}", []string{"pauses", `"sentence"`, "-1s"}},
		{"characters for other", "pauses: {other: {chars: x}}", []string{"pauses", `"other"`}},
		{"class is a number", "pauses: {sentence: 3}", []string{"pauses", "number"}},
		{"characters are a number", "pauses: {a: {chars: 3}}", []string{"pauses", "chars"}},
		{"pauses are a number", "pauses: 3", []string{"pauses", "number"}},
		{"pauses are a list", "pauses: [a]", []string{"pauses", "array"}},
		{"class named by a number", "pauses: {1: {chars: x}}", []string{"pauses"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(file(t, test.file))
			checkError(t, err, test.names...)
		})
	}
}

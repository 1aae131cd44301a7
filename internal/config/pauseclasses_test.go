package config

import (
	"reflect"
	"strings"
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
	const sections = "want groups of settings, such as name: {setting: value}"
	for _, test := range []struct{ name, pauses, want string }{
		{"misspelled class", "{sentense: {min: 200ms}}", `sentense: no such class (a new one needs chars): did you mean sentence?`},
		{"unknown class", "{emoji: {min: 200ms}}", `emoji: no such class (a new one needs chars)`},
		{"character twice", "{dash: {chars: '-', max: 1ms}}", `class "dash": character '-' stands in two places`},
		{"character twice in a class", "{sentence: {chars: '!'}}", `class "sentence": character '!' stands in two places`},
		{"misspelled setting", "{sentence: {mni: 1ms}}", `sentence: unknown setting "mni": did you mean min?`},
		{"separator of a setting", "{sentence: {before_space: x}}", `sentence: unknown setting "before_space": did you mean before-space?`},
		{"unknown setting", "{sentence: {colour: red}}", `sentence: unknown setting "colour"`},
		{"bad duration", "{sentence: {min: soon}}", `sentence: min: "soon" is invalid: want a duration such as 200ms`},
		{"duration without a unit", "{sentence: {min: 200}}", `sentence: min: 200 has no unit: did you mean 200ms?`},
		{"min above max", "{sentence: {min: 2s, max: 1s}}", `sentence: min 2s is above max 1s`},
		{"min above the default max", "{sentence: {min: 9s}}", `sentence: min 9s is above max 500ms, the default: set max too`},
		{"max below the default min", "{sentence: {max: 1ms}}", `sentence: min 300ms is above max 1ms`},
		{"new class without max", "{a: {chars: x, min: 1s}}", `a: min 1s is above max 0s: set max too`},
		{"too long", "{sentence: {max: 2m}}", `class "sentence": cannot pause 300ms to 2m0s: want 0 to 1m0s`},
		{"below 0", "{sentence: {min: -1s}}", `class "sentence": cannot pause -1s to 500ms: want 0 to 1m0s`},
		{"characters for other", "{other: {chars: x}}", `class "other" takes no characters: it is for those that no other class names`},
		{"class is a number", "{sentence: 3}", "sentence: want settings, such as {setting: value}"},
		{"setting is a list", "{sentence: {chars: [a]}}", "sentence: chars: want a single value"},
		{"setting twice", "{sentence: {min: 1ms, min: 2ms}}", `line 1: mapping key "min" already defined at line 1`},
		{"pauses are a number", "3", sections},
		{"pauses are a list", "[a]", sections},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(file(t, "pauses: "+test.pauses))
			if err == nil || !strings.HasSuffix(err.Error(), "pauses: "+test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			t.Setenv("TYPEWRITER_PAUSES", test.pauses)
			if _, err := parse(); err == nil || err.Error() != "TYPEWRITER_PAUSES: "+test.want {
				t.Errorf("in the environment: got %v, want %s", err, test.want)
			}
		})
	}
}

// All invalid classes are reported, each on its line.
func TestAllBadPauses(t *testing.T) {
	_, err := parse(file(t, "pauses: {clause: {min: 1, max: 2}, sentence: {mni: 1ms}}"))
	const want = "pauses: clause: max: 2 has no unit: did you mean 2ms?\n" +
		"pauses: clause: min: 1 has no unit: did you mean 1ms?\n" +
		"pauses: sentence: unknown setting \"mni\": did you mean min?"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// The environment takes pauses as YAML or JSON.
func TestPausesInTheEnvironment(t *testing.T) {
	for _, text := range []string{"{sentence: {min: 1ms, max: 2ms}}", "sentence: {min: 1ms, max: 2ms}", `{"sentence":{"min":"1ms","max":"2ms"}}`} {
		t.Setenv("TYPEWRITER_PAUSES", text)
		c, err := parse(file(t, "pauses: {sentence: {max: 9}}"))
		if err != nil {
			t.Fatal(err)
		}
		classes := typewriter.DefaultClasses()
		changed("sentence", func(s *typewriter.Class) { s.Min, s.Max = time.Millisecond, 2*time.Millisecond })(classes)
		want, err := typewriter.NewPauses(classes)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.readPauses(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"{sentence: {min: 1ms}", "{\"sentence\":", "a: b: c"} {
		t.Setenv("TYPEWRITER_PAUSES", text)
		if _, err := parse(); err == nil || !strings.HasPrefix(err.Error(), "TYPEWRITER_PAUSES: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

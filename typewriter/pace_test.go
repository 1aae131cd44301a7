package typewriter

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestPaceValidate(t *testing.T) {
	for _, mode := range []Mode{Typewriter, Smooth, Raw} {
		if err := DefaultPace(mode).Validate(); err != nil {
			t.Errorf("default of %s: %v", mode, err)
		}
	}
	tests := []struct {
		name   string
		change func(*Pace)
		want   string // the beginning of the error; empty: none
	}{
		{"mode", func(p *Pace) { p.Mode = "fast" }, `unknown mode "fast"`},
		{"no mode", func(p *Pace) { p.Mode = "" }, `unknown mode ""`},
		{"slowest", func(p *Pace) { p.Speed = MinSpeed }, ""},
		{"too slow", func(p *Pace) { p.Speed = 0.09 }, "speed 0.09 is"},
		{"no speed", func(p *Pace) { p.Speed = 0 }, "speed 0 is"},
		{"fastest", func(p *Pace) { p.Speed = MaxSpeed }, ""},
		{"too fast", func(p *Pace) { p.Speed = 101 }, "speed 101 is"},
		{"endless", func(p *Pace) { p.Speed = math.Inf(1) }, "speed +Inf is"},
		{"no number", func(p *Pace) { p.Speed = math.NaN() }, "speed NaN is"},
		{"longest lag", func(p *Pace) { p.MaxLag = MaxLag }, ""},
		{"too much lag", func(p *Pace) { p.MaxLag = MaxLag + 1 }, "max lag 1m0.000000001s is"},
		{"negative lag", func(p *Pace) { p.MaxLag = -2 }, "max lag -2ns is"},
		{"longest tail", func(p *Pace) { p.MaxTail = MaxLag }, ""},
		{"too much tail", func(p *Pace) { p.MaxTail = MaxLag + 1 }, "max tail 1m0.000000001s is"},
		{"negative tail", func(p *Pace) { p.MaxTail = -2 }, "max tail -2ns is"},
		{"no lag", func(p *Pace) { p.MaxLag = 0 }, ""},
		{"smooth without lag", func(p *Pace) { p.Mode, p.MaxLag = Smooth, 0 }, "max lag 0 is"},
		{"raw without lag", func(p *Pace) { p.Mode, p.MaxLag = Raw, 0 }, ""},
		{"no interval", func(p *Pace) { p.MinInterval = 0 }, ""},
		{"negative interval", func(p *Pace) { p.MinInterval = -time.Second }, "min interval -1s is"},
		{"long interval", func(p *Pace) { p.MinInterval = 2 * time.Second }, "min interval 2s is"},
		{"no pauses", func(p *Pace) { p.Pauses = nil }, "pauses are"},
	}
	for _, test := range tests {
		p := DefaultPace(Typewriter)
		test.change(&p)
		checkError(t, test.name, p.Validate(), test.want)
	}
}

func checkError(t *testing.T, name string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: got error %q", name, err)
	case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)):
		t.Errorf("%s: got error %v, want %q", name, err, want)
	}
}

func TestNewPauses(t *testing.T) {
	tests := []struct {
		name    string
		classes map[string]Class
		want    string
	}{
		{"default", DefaultClasses(), ""},
		{"other alone", map[string]Class{Other: {}}, ""},
		{"longest", map[string]Class{Other: {Min: time.Minute, Max: time.Minute}}, ""},
		{"none", nil, `class "other" is missing`},
		{"no other", map[string]Class{"a": {Chars: "a"}}, `class "other" is missing`},
		{"other with characters", map[string]Class{Other: {Chars: "a"}}, `class "other" takes no characters`},
		{"other before space", map[string]Class{Other: {BeforeSpace: "a"}}, `class "other" takes no characters`},
		{"negative", map[string]Class{Other: {}, "x": {Min: -1}}, `class "x": cannot pause -1ns to 0s`},
		{"reversed", map[string]Class{Other: {}, "x": {Min: 2, Max: 1}}, `class "x": cannot pause 2ns to 1ns`},
		{"too long", map[string]Class{Other: {Max: time.Minute + 1}}, `class "other": cannot pause 0s to 1m0.000000001s`},
		{"twice in one", map[string]Class{Other: {}, "x": {Chars: "aba"}}, `class "x": character 'a' stands in two places`},
		{"in both sets", map[string]Class{Other: {}, "x": {Chars: "a", BeforeSpace: "a"}}, `class "x": character 'a' stands`},
		{"in two classes", map[string]Class{Other: {}, "x": {Chars: "a"}, "y": {Chars: "a"}}, `class "`},
	}
	for _, test := range tests {
		p, err := NewPauses(test.classes)
		checkError(t, test.name, err, test.want)
		if (p == nil) != (test.want != "") {
			t.Errorf("%s: got %v", test.name, p)
		}
	}
}

func TestPausesAfter(t *testing.T) {
	tests := []struct {
		char, next rune
		class      string
		tentative  bool
	}{
		{'。', 'a', "sentence", false},
		{'。', unknown, "sentence", false},
		{'\n', 'a', "sentence", false},
		{'.', ' ', "sentence", false},
		{'.', '\n', "sentence", false},
		{'.', '\u3000', "sentence", false},
		{'.', '1', Other, false},
		{'.', unknown, "sentence", true},
		{'!', '!', Other, false},
		{'?', '"', Other, false},
		{'，', unknown, "clause", false},
		{'-', '-', "clause", false},
		{'`', 'a', "markup", false},
		{'a', ' ', Other, false},
		{unknown, 'a', Other, false},
	}
	for _, test := range tests {
		class := DefaultClasses()[test.class]
		next := ""
		if test.next != unknown {
			next = string(test.next)
		}
		got := defaultPauses.table[defaultPauses.after(test.char, next)]
		tentative := got.beforeSpace && next == ""
		if got.min != class.Min || got.max != class.Max || tentative != test.tentative {
			t.Errorf("%q before %q: got %v to %v, %t; want %s", test.char, test.next, got.min, got.max, tentative, test.class)
		}
	}
}

package split

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// cut cuts an event with the field t, the number n and the flag end.
func cut(data string) (*typewriter.Frame, typewriter.Payload) {
	members := AppendMembers(nil, gjson.Parse(data))
	text := Find(members, "t")
	var c Cutter
	c.Reset(data, Span{text.Index + 1, text.Index + len(text.Raw) - 1})
	if digits, _, ok := Natural(Find(members, "n")); ok {
		c.Number(digits)
	}
	c.Edit(members, func(m Member) Scope {
		switch {
		case m.Value.Type == gjson.True:
			return FalseUntilLast
		case m.Key == "x":
			return OnlyLast
		}
		return EveryPiece
	})
	return c.Frame(typewriter.Frame{Channel: "c", Series: &typewriter.Series{Name: "s"}})
}

// mark returns a payload with a sign at its text and one at its number.
func mark(p typewriter.Payload) string {
	text := p.Head + "|" + p.Tail
	at := p.Number
	if at > len(p.Head) {
		at++
	}
	return text[:at] + "#" + text[at:]
}

func TestCutNumber(t *testing.T) {
	for _, test := range []struct{ name, data, middle, last string }{
		{"behind the text", `{"t":"ab","n":"12"}`, `{"t":"|","n":"#"}`, ""},
		{"before the text", `{"n":12,"t":"ab"}`, `{"n":#,"t":"|"}`, ""},
		{"behind an edit", `{"t":"ab","end":true,"x":1,"n":"0"}`, `{"t":"|","end":false,"n":"#"}`, `{"t":"|","end":true,"x":1,"n":"#"}`},
		{"before an edit", `{"x":1,"n":"0","t":"ab","end":true}`, `{"n":"#","t":"|","end":false}`, `{"x":1,"n":"#","t":"|","end":true}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			frame, whole := cut(test.data)
			if got := mark(typewriter.Payload{Head: frame.Head, Tail: frame.Tail, Number: frame.Number}); got != test.middle {
				t.Errorf("got %s, want %s", got, test.middle)
			}
			want := test.last
			if want == "" {
				want = test.middle
				if frame.Once != nil {
					t.Errorf("got once %+v, want none", frame.Once)
				}
			} else if got := mark(frame.Once.Last); got != want {
				t.Errorf("last: got %s, want %s", got, want)
			}
			if got := mark(whole); got != want {
				t.Errorf("whole: got %s, want %s", got, want)
			}
		})
	}
}

func TestNumberedRuns(t *testing.T) {
	behind, before := `{"t":"ab","n":"7","z":1}`, `{"n":"7","t":"ab","z":1}`
	for _, test := range []struct {
		name, first, data string
		text              string // "": no part of the run
		number            int64
	}{
		{"behind the text", behind, `{"t":"cd","n":"8","z":1}`, "cd", 8},
		{"before the text", before, `{"n":"8","t":"cd","z":1}`, "cd", 8},
		{"any number", behind, `{"t":"cd","n":"0","z":1}`, "cd", 0},
		{"a long number", behind, `{"t":"cd","n":"1234567","z":1}`, "cd", 1234567},
		{"escapes", behind, `{"t":"\"\\","n":"8","z":1}`, `\"\\`, 8},
		{"escapes behind a number", before, `{"n":"8","t":"\",\"z\":1}","z":1}`, `\",\"z\":1}`, 8},
		{"no text", behind, `{"t":"","n":"8","z":1}`, "", 0},
		{"no number", behind, `{"t":"cd","n":"","z":1}`, "", 0},
		{"another spelling", behind, `{"t":"cd","n":"08","z":1}`, "", 0},
		{"no natural number", behind, `{"t":"cd","n":"-8","z":1}`, "", 0},
		{"too large a number", behind, `{"t":"cd","n":"99999999999999999999","z":1}`, "", 0},
		{"another field", behind, `{"t":"cd","m":"8","z":1}`, "", 0},
		{"another end", behind, `{"t":"cd","n":"8","z":2}`, "", 0},
		{"more at the end", behind, `{"t":"cd","n":"8","z":1} `, "", 0},
		{"another beginning", before, `{"m":"8","t":"cd","z":1}`, "", 0},
		{"more text", before, `{"n":"8","t":"cd","u":"e","z":1}`, "", 0},
		{"no JSON", behind, `{"t":"c` + "\x01" + `d","n":"8","z":1}`, "", 0},
		{"cut", before, `{"n":"8","t":"`, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var runs Runs
			frame, whole := cut(test.first)
			runs.Begin(upstream.Event{Event: typewriter.Event{Frame: frame}, Meaning: &upstream.Meaning{}}, whole)
			e, number, ok := runs.DecodeNumbered("", test.data)
			if e.Text != test.text || number != test.number || ok != (test.text != "") {
				t.Errorf("got %q, %d, %t; want %q, %d", e.Text, number, ok, test.text, test.number)
			}
			if ok && strings.Count(e.Frame.Head+e.Frame.Tail, "8") > 0 {
				t.Errorf("the frame has the number: %+v", e.Frame)
			}
		})
	}
}

func TestNatural(t *testing.T) {
	for _, test := range []struct {
		json   string
		digits string // "": none
	}{
		{`12`, "12"},
		{`"12"`, "12"},
		{`"0"`, "0"},
		{`""`, ""},
		{`"012"`, ""},
		{`-1`, ""},
		{`1.5`, ""},
		{`"1a"`, ""},
		{`"\u0031"`, ""},
		{`"99999999999999999999"`, ""},
		{`true`, ""},
		{`[1]`, ""},
		{`null`, ""},
	} {
		data := `{"n": ` + test.json + `}`
		digits, _, ok := Natural(gjson.Get(data, "n"))
		if got := data[digits.Begin:digits.End]; ok != (test.digits != "") || ok && got != test.digits {
			t.Errorf("%s: got %q, %t; want %q", test.json, got, ok, test.digits)
		}
	}
}

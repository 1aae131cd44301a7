package responses

import (
	"fmt"
	"strings"
	"testing"
)

// A delta is decoded in a run as it is alone.
func FuzzRun(f *testing.F) {
	for _, first := range []string{delta("ab"), `{"delta":"a","type":"response.output_text.delta","sequence_number":9}`} {
		for _, second := range []string{
			first, delta("x"), delta(""), delta(`a\"`), delta(`a"`), delta(`a\`), delta(`\ud83d`), delta(`a","delta":"b`), delta(`\q`), delta("a\tb"),
			strings.Replace(delta("x"), ":4,", ":5,", 1), strings.Replace(delta("x"), ":4,", ":04,", 1), strings.Replace(delta("x"), ":4,", ":,", 1), strings.Replace(delta("x"), ":4,", ":-4,", 1),
			strings.Replace(delta("x"), "aB3", "", 1), strings.Replace(delta("x"), "aB3", "a-3", 1), strings.Replace(delta("x"), "msg_1", "msg_2", 1),
			strings.Replace(delta("x"), "[]", `[{"token":"x"}]`, 1), delta("\u2028"), delta("x") + " ", delta("x")[:40], "[DONE]",
		} {
			f.Add(first, second)
		}
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		const name = "response.output_text.delta"
		d := newDecoder()
		d.Decode(name, first)
		got, want := d.Decode(name, second), newDecoder().Decode(name, second)
		if got.Payload() != want.Payload() || got.Text != want.Text || got.Frame.Channel != want.Frame.Channel || got.Frame.Kind != want.Frame.Kind ||
			fmt.Sprint(got.Frame.Once) != fmt.Sprint(want.Frame.Once) || got.Meaning.Kind != want.Meaning.Kind {
			t.Errorf("after %s:\ngot  %+v %q\nwant %+v %q", first, got.Frame, got.Text, want.Frame, want.Text)
		}
	})
}

// An event with another name does not continue a run.
func TestRunEndsWithName(t *testing.T) {
	d := newDecoder()
	for _, name := range []string{"a", "b", ""} {
		if e := d.Decode(name, delta("x")); e.Frame.Name != name || e.Text != "x" {
			t.Errorf("got name %q and text %q of an event named %q", e.Frame.Name, e.Text, name)
		}
	}
}

// A run costs one allocation for each delta, and none for a cluster.
func TestRunAllocations(t *testing.T) {
	d := newDecoder()
	d.Decode("", delta("ab"))
	next := strings.Replace(delta("你好"), ":4,", ":5,", 1)
	if n := testing.AllocsPerRun(100, func() { d.Decode("", next) }); n > 1 {
		t.Errorf("got %v allocations, want 1", n)
	}
}

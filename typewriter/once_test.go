package typewriter

import (
	"reflect"
	"testing"
	"time"
)

// Frames whose events have a role, which only the first piece carries, a reason for the
// end, which only the last piece carries, or both.
var (
	roleFrame = &Frame{Head: `{"t":"`, Tail: `"}`, Channel: "content", Once: &Once{
		First: Payload{Head: `{"role":1,"t":"`, Tail: `"}`},
		Only:  Payload{Head: `{"role":1,"t":"`, Tail: `"}`},
	}}
	endFrame = &Frame{Head: `{"t":"`, Tail: `"}`, Channel: "content", Once: &Once{
		Last: Payload{Head: `{"t":"`, Tail: `","end":1}`},
		Only: Payload{Head: `{"t":"`, Tail: `","end":1}`},
	}}
	bothFrame = &Frame{Head: `{"t":"`, Tail: `"}`, Channel: "content", Once: &Once{
		First: Payload{Head: `{"role":1,"t":"`, Tail: `"}`},
		Last:  Payload{Head: `{"t":"`, Tail: `","end":1}`},
		Only:  Payload{Head: `{"role":1,"t":"`, Tail: `","end":1}`},
	}}
	twinFrame = &Frame{Head: `{"a":"`, Twin: `","b":"`, Tail: `"}`, Channel: "content"}
)

// Fields that must not be repeated are in one piece of each event.
func TestPlayOnce(t *testing.T) {
	every := func(d time.Duration) func(*Pace) { return func(p *Pace) { p.MinInterval = d } }
	for _, test := range []struct {
		name    string
		set     func(*Pace)
		from    Position
		pattern []arrival
		want    []string
	}{
		{
			"first", nil,
			Position{},
			[]arrival{{0, Event{roleFrame, "abc"}}},
			[]string{`{"role":1,"t":"a"}`, `{"t":"b"}`, `{"t":"c"}`},
		},
		{
			"last", nil,
			Position{},
			[]arrival{{0, Event{endFrame, "abc"}}},
			[]string{`{"t":"a"}`, `{"t":"b"}`, `{"t":"c","end":1}`},
		},
		{
			"both", nil,
			Position{},
			[]arrival{{0, Event{bothFrame, "abc"}}},
			[]string{`{"role":1,"t":"a"}`, `{"t":"b"}`, `{"t":"c","end":1}`},
		},
		{
			"in one piece", every(time.Second),
			Position{},
			[]arrival{{0, Event{bothFrame, "a"}}},
			[]string{`{"role":1,"t":"a","end":1}`},
		},
		{
			"resumed within the text", nil,
			Position{0, 1},
			[]arrival{{0, Event{bothFrame, "abc"}}},
			[]string{`{"t":"b"}`, `{"t":"c","end":1}`},
		},
		{
			"events of one frame do not share a piece", every(time.Second),
			Position{},
			[]arrival{{0, Event{roleFrame, "a"}}, {0, Event{roleFrame, "b"}}},
			[]string{`{"role":1,"t":"a"}`, `{"role":1,"t":"b"}`},
		},
		{
			"a cluster may begin in the event before", nil,
			Position{},
			[]arrival{{0, Event{roleFrame, "👩"}}, {0, Event{bothFrame, "\u200d👧b"}}},
			[]string{`{"role":1,"t":"👩` + "\u200d" + `👧"}`, `{"t":"b","end":1}`},
		},
		{
			"a cluster ends with an event that has an end", nil,
			Position{},
			[]arrival{{0, Event{endFrame, "a👩"}}, {0, text("\u200d👧b")}},
			[]string{`{"t":"a"}`, `{"t":"👩","end":1}`, `{"content":"` + "\u200d" + `"}`, `{"content":"👧"}`, `{"content":"b"}`},
		},
		{
			"twin", nil,
			Position{},
			[]arrival{{0, Event{twinFrame, "ab"}}},
			[]string{`{"a":"a","b":"a"}`, `{"a":"b","b":"b"}`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			pace := fixed(t)
			if test.set != nil {
				test.set(&pace)
			}
			if got := dataOf(playFrom(t, pace, test.from, test.pattern)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// An event that is not typed keeps its payload, and what is left of one has its end.
func TestPlayOnceRaw(t *testing.T) {
	for _, test := range []struct {
		from Position
		want string
	}{
		{Position{}, `{"role":1,"t":"abc","end":1}`},
		{Position{0, 1}, `{"t":"bc","end":1}`},
	} {
		got := dataOf(playFrom(t, DefaultPace(Raw), test.from, []arrival{{0, Event{bothFrame, "abc"}}}))
		if want := []string{test.want}; !reflect.DeepEqual(got, want) {
			t.Errorf("from %v: got %q, want %q", test.from, got, want)
		}
	}
}

func TestPayload(t *testing.T) {
	for _, test := range []struct {
		name  string
		event Event
		want  string
	}{
		{"text", text("a"), `{"content":"a"}`},
		{"once", Event{bothFrame, "a"}, `{"role":1,"t":"a","end":1}`},
		{"twin", Event{twinFrame, "a"}, `{"a":"a","b":"a"}`},
		{"other", other("x"), other("x").Frame.Head},
	} {
		if got := test.event.Payload(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

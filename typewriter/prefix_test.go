package typewriter

import (
	"reflect"
	"testing"
	"time"
)

func TestPrefix(t *testing.T) {
	frame, other, stop := &Frame{Head: `{"t":"`, Tail: `"}`, Channel: "t"}, &Frame{Head: "x"}, Event{Frame: &Frame{Head: "stop"}}
	for _, test := range []struct {
		name string
		end  Position
		want []Event
	}{
		{"nothing", Position{}, nil},
		{"part of a text", Position{0, 2}, []Event{{frame, "ab"}}},
		{"end of a text", Position{1, 0}, []Event{{frame, "abc"}}},
		{"an event", Position{2, 0}, []Event{{frame, "abc"}, {Frame: other}}},
		{"all", Position{3, 0}, []Event{{frame, "abc"}, {Frame: other}, {frame, "de"}}},
		{"beyond", Position{9, 4}, []Event{{frame, "abc"}, {Frame: other}, {frame, "de"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			budget := NewBudget(1, nil)
			log := NewLog(LogOptions{Budget: budget, Started: time.Now().Add(-time.Minute)})
			for i, e := range []Event{{frame, "abc"}, {Frame: other}, {frame, "de"}} {
				log.force(e, log.start.Add(time.Duration(i)*time.Second))
			}
			used := budget.Used()
			prefix := log.Prefix(test.end)
			prefix.End(stop)
			n, ended := prefix.Len()
			var got []Event
			for i := range n {
				e, at, _ := prefix.Read(i)
				if got = append(got, e); i < n-1 && at != time.Duration(i)*time.Second {
					t.Errorf("event %d arrived at %v", i, at)
				}
			}
			if want := append(test.want, stop); !ended || !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, ended %v; want %v", got, ended, want)
			}
			if budget.Used() != used+int64(prefix.Size()) {
				t.Errorf("the budget counts %d bytes for %d", budget.Used()-used, prefix.Size())
			}
		})
	}
}

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDeltas(t *testing.T) {
	text := answer(1600)
	deltas := splitDeltas(text)
	if got := utf8.RuneCountInString(text); got != 1600 {
		t.Errorf("the answer has %d characters", got)
	}
	if strings.Join(deltas, "") != text {
		t.Error("the deltas are not the text")
	}
	if mean := 1600 / float64(len(deltas)); mean < 2.69 || mean > 2.71 {
		t.Errorf("a delta has %.2f characters, want 2.7", mean)
	}
}

// At the natural pace the text has ten characters a second.
func TestNaturalPace(t *testing.T) {
	var took time.Duration
	chars := []rune(answer(30_000))
	for _, char := range chars {
		took += pauseAfter(char)
	}
	if mean := took / time.Duration(len(chars)); mean < 99*time.Millisecond || mean > 102*time.Millisecond {
		t.Errorf("a character takes %v", mean)
	}
}

func TestPercentile(t *testing.T) {
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(1000-i)) // 1 to 1000, the last first
	}
	for p, want := range map[float64]time.Duration{0: 1, 50: 501, 99: 991, 99.9: 1000, 100: 1000} {
		if got := percentile(all, p); got != want {
			t.Errorf("percentile %v is %d, want %d", p, got, want)
		}
	}
	if got := percentile(nil, 50); got != 0 {
		t.Errorf("the percentile of none is %d", got)
	}
}

// The lateness of characters is relative to the earliest character of the stream within
// the window.
func TestLate(t *testing.T) {
	began := time.Now().Add(-time.Second)
	at := func(ms ...int) *streamLoad {
		s := &streamLoad{}
		for _, ms := range ms {
			s.times = append(s.times, began.Add(time.Duration(ms)*time.Millisecond))
		}
		return s
	}
	l := load{streams: []*streamLoad{at(5, 102, 202, 309), at(50, 150)}}
	var got []int
	for _, late := range l.lateness(time.Minute) {
		got = append(got, int(late.Milliseconds()))
	}
	if want := []int{3, 0, 0, 7, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("the events are late by %v, want %v", got, want)
	}
	if all := l.lateness(750 * time.Millisecond); len(all) != 1 {
		t.Errorf("%d events are within the window, want 1", len(all))
	}
}

// Each character has an arrival time, also several in the same event.
func TestCharacters(t *testing.T) {
	s, l := &streamLoad{recordTimes: true}, &load{}
	for _, text := range []string{"清", "晨的", "。"} {
		l.count(s, appendEvent(nil, text))
	}
	l.count(s, []byte(streamEnd))
	if s.events != 4 || len(s.times) != 4 {
		t.Errorf("%d events and %d characters were counted, want 4 and 4", s.events, len(s.times))
	}
}

func TestWriteTable(t *testing.T) {
	const begin, end = "<!-- begin: written by make bench -->\n", "<!-- end: written by make bench -->"
	path := filepath.Join(t.TempDir(), "page.md")
	for _, test := range []struct{ name, before, want string }{
		{"both markers", "a\n" + begin + "old\n" + end + "\nz\n", "a\n" + begin + "new\n" + end + "\nz\n"},
		{"no marker", "a\n", ""},
		{"one marker", "a\n" + begin, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(test.before), 0o600); err != nil {
				t.Fatal(err)
			}
			err := writeTable(path, "new\n")
			if (err != nil) != (test.want == "") {
				t.Fatalf("the error is %v", err)
			}
			want := test.want
			if want == "" {
				want = test.before // untouched
			}
			if got, _ := os.ReadFile(path); string(got) != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

package upstream

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"sse-typewriter/typewriter"
)

var (
	fixedFormat  = &Format{Name: "fixed", Paths: []string{"/chat"}, EventNames: []string{"b", "a"}, RequestIDHeader: "X-Id", RetryHeader: "x-retry"}
	suffixFormat = &Format{Name: "suffix", EventNames: []string{"b", "c"}, RequestIDHeader: "X-ID", Route: func(r RequestHead) string {
		if r.Path == "/v1/chat" && r.Header("X-Version") != "" {
			return "*/chat"
		}
		return ""
	}}
	bothFormats = Formats{fixedFormat, suffixFormat}
)

func TestFormatsRoute(t *testing.T) {
	for _, test := range []struct {
		method, path, version string
		format                *Format
		pattern               string
	}{
		{http.MethodPost, "/chat", "", fixedFormat, "/chat"},
		{http.MethodGet, "/chat", "", nil, ""},
		{http.MethodPost, "/v1/chat", "1", suffixFormat, "*/chat"},
		{http.MethodPost, "/v1/chat", "", nil, ""},
		{http.MethodPost, "/", "1", nil, ""},
	} {
		header := http.Header{}
		header.Set("X-Version", test.version)
		format, pattern := bothFormats.Route(RequestHead{test.method, test.path, header.Get, url.Values{}.Get})
		if format != test.format || pattern != test.pattern {
			t.Errorf("%s %s: got %v, %q", test.method, test.path, format, pattern)
		}
	}
	if got := bothFormats.OfPath("/chat"); got != fixedFormat {
		t.Errorf("got %v at /chat", got)
	}
}

func TestOwner(t *testing.T) {
	owning := &Format{Name: "owning", Owns: func(path string) bool { return path == "/mine" }}
	formats := append(Formats{owning}, bothFormats...)
	if formats.Owner("/mine") != owning || formats.Owner("/chat") != nil {
		t.Errorf("got %v and %v", formats.Owner("/mine"), formats.Owner("/chat"))
	}
}

func TestFormats(t *testing.T) {
	if bothFormats.Find("suffix") != suffixFormat || bothFormats.Find("other") != nil || bothFormats.Default() != fixedFormat {
		t.Error("got another format by name or as the default")
	}
	if got, want := bothFormats.EventNames(), []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got event names %q, want %q", got, want)
	}
	if got, want := bothFormats.SDKHeaders(), []string{"x-id", "x-retry"}; !slices.Equal(got, want) {
		t.Errorf("got headers %q, want %q", got, want)
	}
}

// textDecoder decodes each event as text of a new message.
type textDecoder struct{ messages int }

func (d *textDecoder) Decode(name, data string) Event {
	d.messages++
	frame := &typewriter.Frame{Name: name, Channel: "text"}
	return Event{typewriter.Event{Frame: frame, Text: data}, &Meaning{Kind: KindText, Message: string(rune('0' + d.messages))}}
}

// Recorded events get their meaning once for each run.
func TestReplay(t *testing.T) {
	format := &Format{NewDecoder: func() Decoder { return &textDecoder{} }}
	run := &typewriter.Frame{Head: `"`, Tail: `"`, Channel: "text"}
	numbered := &typewriter.Frame{Head: `{"id":}`, Number: 6, Channel: "text"}
	recorded := []typewriter.Event{{Frame: run, Text: "a"}, {Frame: run, Text: "b"}, {Frame: numbered, Text: "c"}}
	var messages []string
	var events []typewriter.Event
	for e := range format.replay(slices.Values(recorded)) {
		messages = append(messages, e.Meaning.Message)
		events = append(events, e.Event)
	}
	if want := []string{"1", "1", ""}; !slices.Equal(messages, want) {
		t.Errorf("got messages %q, want %q", messages, want)
	}
	if !reflect.DeepEqual(events, recorded) {
		t.Errorf("got %v, want %v", events, recorded)
	}
}

// Without a recovery, a stream that was cut elsewhere ends with an error, and one that has
// ended is left alone.
func TestContinueWithoutRecovery(t *testing.T) {
	client := &Client{RecoveryTimeout: time.Minute}
	text := Pass("", "text", nil).Event
	for _, test := range []struct {
		name     string
		recorded []typewriter.Event
		want     string // the reason of the failure
	}{
		{"nothing", nil, "cut"},
		{"the middle", []typewriter.Event{text}, "cut"},
		{"the end", []typewriter.Event{text, Pass("", "[DONE]", nil).Event}, ""},
	} {
		events, failure := client.Continue(t.Context(), plainFormat, Opening{}, slices.Values(test.recorded))
		var got []string
		for e := range events {
			got = append(got, e.Frame.Name)
			if e.Meaning.Kind != KindFailed || e.Meaning.Failure.Reason != test.want {
				t.Errorf("%s: got meaning %+v", test.name, e.Meaning)
			}
		}
		if reason(failure()) != test.want || (len(got) == 1) != (test.want != "") {
			t.Errorf("%s: got %q, %v; want %q", test.name, got, failure(), test.want)
		}
	}
}

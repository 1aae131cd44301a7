package house

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

var service = &upstream.Format{Name: "service", RequestIDHeader: "Request-Id"}

// text returns a text event of the service.
func text(kind typewriter.TextKind, channel, text string) upstream.Event {
	return upstream.Event{
		Event:   typewriter.Event{Frame: &typewriter.Frame{Head: "{", Tail: "}", Channel: channel, Kind: kind}, Text: text},
		Meaning: &upstream.Meaning{Kind: upstream.KindText, Message: "m<1>", Chat: upstream.Chat{ID: "c"}},
	}
}

// meaning returns an event of the service with a meaning.
func meaning(m upstream.Meaning) upstream.Event { return upstream.Pass("", "{}", &m) }

func answer(s string) upstream.Event  { return text(typewriter.Answer, "a", s) }
func thought(s string) upstream.Event { return text(typewriter.Reasoning, "r", s) }

var end = meaning(upstream.Meaning{Kind: upstream.KindDone, Phase: upstream.Ended})

// plain are the texts of a message that came whole.
var plain = []upstream.Text{{Kind: typewriter.Reasoning, Channel: "r", Text: "R"}, {Kind: typewriter.Answer, Channel: "a", Text: "A"}}

// created matches the time of an event.
var created = regexp.MustCompile(`"created_at":\d{13}`)

// lines returns events as lines, with short forms of what all of them have.
func lines(events []upstream.Event) []string {
	short := strings.NewReplacer(
		"conversation.message.", "", `"id":"m<1>","role":"assistant","type":"answer",`, "…", `,"created_at":1`, "",
	)
	var all []string
	for _, e := range events {
		all = append(all, short.Replace(e.Frame.Name+" "+created.ReplaceAllString(e.Payload(), `"created_at":1`)))
	}
	return all
}

func TestTranslation(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []upstream.Event
		want   []string
	}{
		{
			"reasoning and an answer",
			[]upstream.Event{thought("w\\n"), thought("hy"), answer("be"), answer("cause"), end},
			[]string{
				`delta {…"reasoning_content":"w\n"}`, `delta {…"reasoning_content":"hy"}`, `delta {…"content":"be"}`, `delta {…"content":"cause"}`,
				`completed {…"content":"because","reasoning_content":"w\nhy"}`, `done "[DONE]"`,
			},
		},
		{
			"no final event",
			[]upstream.Event{answer("a")},
			[]string{`delta {…"content":"a"}`, `completed {…"content":"a"}`, `done "[DONE]"`},
		},
		{
			"usage, and events after the end",
			[]upstream.Event{answer("a"), meaning(upstream.Meaning{Kind: upstream.KindCompleted, Usage: &upstream.Usage{Input: 1, Output: 2, Total: 3}}), end, answer("b"), end},
			[]string{`delta {…"content":"a"}`, `completed {…"content":"a","usage":{"token_count":3,"output_count":2,"input_count":1}}`, `done "[DONE]"`},
		},
		{
			"a refusal",
			[]upstream.Event{text(typewriter.Refusal, "f", "no"), end},
			[]string{`delta {…"content":"no"}`, `completed {…"content":"no"}`, `done "[DONE]"`},
		},
		{
			"several texts in an event",
			[]upstream.Event{meaning(upstream.Meaning{Kind: upstream.KindPiece, Message: "m<1>", Texts: plain}), end},
			[]string{`delta {…"reasoning_content":"R"}`, `delta {…"content":"A"}`, `completed {…"content":"A","reasoning_content":"R"}`, `done "[DONE]"`},
		},
		{
			"a whole message after its reasoning",
			[]upstream.Event{thought("R"), meaning(upstream.Meaning{Kind: upstream.KindMessageDone, Texts: plain}), end},
			[]string{`delta {…"reasoning_content":"R"}`, `delta {…"content":"A"}`, `completed {…"content":"A","reasoning_content":"R"}`, `done "[DONE]"`},
		},
		{
			"a replaced answer",
			[]upstream.Event{thought("R"), answer("ab"), meaning(upstream.Meaning{Kind: upstream.KindReplaced, Texts: plain[1:]}), answer("c"), end},
			[]string{
				`delta {…"reasoning_content":"R"}`, `delta {…"content":"ab"}`, `delta {…"content":"c"}`,
				`completed {…"content":"Ac","reasoning_content":"R"}`, `done "[DONE]"`,
			},
		},
		{
			"an answer that begins with a replacement",
			[]upstream.Event{meaning(upstream.Meaning{Kind: upstream.KindReplaced, Message: "m<1>", Texts: plain[1:]}), end},
			[]string{`delta {…"content":"A"}`, `completed {…"content":"A"}`, `done "[DONE]"`},
		},
		{
			"a failure",
			[]upstream.Event{answer("a"), meaning(upstream.Meaning{Kind: upstream.KindFailed, Failure: apierror.Cut.WithMsg("<cut>")}), answer("b"), end},
			[]string{`delta {…"content":"a"}`, `error {"code":5023,"msg":"<cut>"}`},
		},
		{
			"a tool",
			[]upstream.Event{meaning(upstream.Meaning{Kind: upstream.KindNeedsTool, Failure: apierror.Refused.WithMsg("tool")})},
			[]string{`error {"code":5026,"msg":"tool"}`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := lines(slices.Collect(New(service).Translation.Events(slices.Values(test.events))))
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// Deltas share their frames, and have the kind and the chat of their text.
func TestDeltas(t *testing.T) {
	got := slices.Collect(translate(slices.Values([]upstream.Event{thought("a"), answer("b"), thought("c"), answer("d")})))
	if len(got) != 6 || got[0].Frame != got[2].Frame || got[1].Frame != got[3].Frame || got[0].Frame.Channel == got[1].Frame.Channel {
		t.Fatalf("got %d events, or frames that are not shared: %q", len(got), lines(got))
	}
	for i, kind := range []typewriter.TextKind{typewriter.Reasoning, typewriter.Answer} {
		if e := got[i]; e.Frame.Kind != kind || e.Meaning.Kind != upstream.KindText || e.Meaning.Chat.ID != "c" {
			t.Errorf("got kind %d and meaning %+v, want kind %d", e.Frame.Kind, e.Meaning, kind)
		}
	}
}

// An answer without an id, or without text, has a message with an id.
func TestIDs(t *testing.T) {
	pattern := regexp.MustCompile(`^\{"id":"msg_[a-z2-7]{26}"`)
	for _, events := range [][]upstream.Event{nil, {meaning(upstream.Meaning{Kind: upstream.KindPiece, Texts: plain})}} {
		for _, e := range slices.Collect(translate(slices.Values(events))) {
			if e.Frame.Name != eventDone && !pattern.MatchString(e.Payload()) {
				t.Errorf("got %s, want an id", e.Payload())
			}
		}
	}
}

// A consumer may stop at any event, also at one of the last events.
func TestConsumerStops(t *testing.T) {
	for stop := range 3 {
		n := 0
		for range translate(slices.Values([]upstream.Event{answer("a"), end})) {
			if n++; n > stop {
				break
			}
		}
		if n != stop+1 {
			t.Errorf("got %d events, want %d", n, stop+1)
		}
	}
}

// The decoder understands the translator's events.
func TestDecode(t *testing.T) {
	decoder := New(service).NewDecoder()
	kinds := []upstream.Kind{upstream.KindPiece, upstream.KindPiece, upstream.KindCompleted, upstream.KindDone}
	for i, e := range slices.Collect(translate(slices.Values([]upstream.Event{thought("R"), answer("A"), end}))) {
		got := decoder.Decode(e.Frame.Name, e.Payload())
		if got.Meaning.Kind != kinds[i] || got.Payload() != e.Payload() {
			t.Errorf("%d: got %+v, want kind %d", i, got.Meaning, kinds[i])
		}
		if i < 2 && (len(got.Meaning.Texts) != 1 || got.Meaning.Texts[0].Text != e.Text || got.Meaning.Texts[0].Kind != e.Frame.Kind) {
			t.Errorf("%d: got texts %+v, want %q", i, got.Meaning.Texts, e.Text)
		}
	}
	for _, want := range []*upstream.Error{apierror.Cut, apierror.Refused.WithMsg("no")} {
		e := New(service).ErrorEvents(want, upstream.Sent{})[0]
		if got := decoder.Decode(e.Frame.Name, e.Payload()).Meaning; got.Kind != upstream.KindFailed || got.Phase != upstream.Done ||
			got.Failure.Code != want.Code || got.Failure.Msg != want.Msg || got.Failure.Reason != want.Reason {
			t.Errorf("got %+v, want %+v", got.Failure, want)
		}
	}
	if got := decoder.Decode("other", "x").Meaning.Kind; got != upstream.KindOther {
		t.Errorf("got kind %d, want KindOther", got)
	}
}

// Another replica adds the final event to a complete answer, and cannot restore more.
func TestRecovery(t *testing.T) {
	for name, event := range map[string]upstream.Event{
		"a complete": answer("a"),
		"a failed":   meaning(upstream.Meaning{Kind: upstream.KindFailed, Failure: apierror.Cut}),
	} {
		r := New(service).NewRecovery(nil, upstream.Opening{})
		for e := range translate(slices.Values([]upstream.Event{event})) {
			r.Add(e)
		}
		if !r.IsFinished() {
			t.Errorf("%s stream is not finished", name)
		}
	}
	r := New(service).NewRecovery(nil, upstream.Opening{})
	r.Add(answer("a"))
	for _, err := range r.Rest(t.Context()) {
		if !errors.Is(err, upstream.ErrNoRest) || r.IsFinished() {
			t.Errorf("got %v for half an answer, want ErrNoRest", err)
		}
	}
	r.Add(meaning(upstream.Meaning{Kind: upstream.KindCompleted}))
	var rest []upstream.Event
	for e, err := range r.Rest(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		rest = append(rest, e)
	}
	if r.IsFinished() || !slices.Equal(lines(rest), []string{`done "[DONE]"`}) {
		t.Errorf("got %v, want the final event", lines(rest))
	}
}

func TestErrorBody(t *testing.T) {
	want := `{"code":5023,"msg":"upstream ended mid-stream","detail":{"logid":"7"}}`
	if got := string(New(service).ErrorBody(apierror.Cut, "7")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

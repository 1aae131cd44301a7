package promises

import (
	"net/http"
	"slices"
	"strings"
)

var resumePromises = []promise{
	{"resume after any event", resumeAfterAnyEvent},
	{"resume of the question itself", resumeOfTheQuestion},
	{"resume of a running answer", resumeOfARunningAnswer},
	{"resume with another unit and mode", resumeWithAnotherUnit},
	{"a finished answer is kept", finishedIsKept},
	{"nothing follows the end", nothingFollowsTheEnd},
	{"an unknown stream is gone", unknownIsGone},
}

// raw is the tempo of most checks, for their speed. Smooth events hold a character each.
const raw, smooth = "mode=raw", "mode=smooth&max_lag=200ms&max_tail=200ms&min_interval=0s"

// resumeAfterAnyEvent cuts a finished answer at about 25 of its events.
func resumeAfterAnyEvent(c *client) {
	whole := c.start(0, smooth)
	for i := 0; i < len(whole.events); i += 1 + len(whole.events)/25 {
		rest := c.view(whole.id, whole.events[i].LastEventID, raw)
		c.wantJoined(whole, i+1, rest)
	}
}

// wantJoined compares the first events of an answer and the rest with the whole answer.
func (c *client) wantJoined(whole stream, n int, rest stream) {
	c.Helper()
	joined := stream{events: slices.Concat(whole.events[:n], rest.events)}
	if got, want := joined.text(), whole.text(); got != want {
		c.Fatalf("cut after event %d, the text is %q, want %q", n, got, want)
	}
	if got, want := joined.others(), whole.others(); !slices.Equal(got, want) {
		c.Fatalf("cut after event %d, the other events are\n%s\nwant\n%s", n, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// resumeOfTheQuestion repeats the GET of a question with the last event id, as EventSource
// does.
func resumeOfTheQuestion(c *client) {
	path := ask(raw + "&message=autumn")
	part := c.read(4, http.MethodGet, path, "")
	last := part.events[len(part.events)-1].LastEventID
	rest := c.read(0, http.MethodGet, path, "", "Last-Event-ID", last)
	if rest.id != part.id {
		c.Errorf("the question was asked again: stream %s after %s", rest.id, part.id)
	}
	whole := c.view(part.id, "", raw)
	c.wantJoined(whole, len(part.events), rest)
}

// resumeOfARunningAnswer closes the connection every few events.
func resumeOfARunningAnswer(c *client) {
	got := c.start(3, raw)
	for cuts := 0; !got.isDone(); cuts++ {
		if cuts == 200 {
			c.Fatal("no end after 200 connections")
		}
		more := c.read(7, http.MethodGet, address(got.id)+"?"+raw, "", "Last-Event-ID", got.events[len(got.events)-1].LastEventID)
		got.events = append(got.events, more.events...)
	}
	c.wantJoined(c.view(got.id, "", raw), len(got.events), stream{})
}

func resumeWithAnotherUnit(c *client) {
	part := c.start(15, smooth)
	rest := c.view(part.id, part.events[len(part.events)-1].LastEventID, smooth+"&unit=word&markdown=on")
	joined := stream{events: slices.Concat(part.events, rest.events)}
	if want := c.view(part.id, "", raw).text(); joined.text() != want {
		c.Errorf("the text is %q, want %q", joined.text(), want)
	}
}

func finishedIsKept(c *client) {
	first := c.start(0, raw)
	for range 2 {
		c.wantJoined(first, 0, c.view(first.id, "", raw))
	}
}

func nothingFollowsTheEnd(c *client) {
	whole := c.start(0, raw)
	last := whole.events[len(whole.events)-1].LastEventID
	c.wantNothing("finished", address(whole.id), last)
	c.wantNothing("finished", "/v3/chat?message=x", last)
}

func unknownIsGone(c *client) {
	id := strings.Repeat("a", 26)
	c.wantNothing("gone", address(id), id+":5.0")
	c.wantNothing("gone", "/v3/chat?message=x", id+":5.0")
}

// wantNothing sends a GET after an event, and wants the reply that ends an EventSource.
func (c *client) wantNothing(why, path, after string) {
	c.Helper()
	got := c.do(http.MethodGet, path, "", "Last-Event-ID", after)
	if got.status != http.StatusNoContent || got.header.Get("Typewriter-Resume") != why || got.body != "" {
		c.Errorf("GET %s: %d, Typewriter-Resume %q, %q; want 204 and %q", path, got.status, got.header.Get("Typewriter-Resume"), got.body, why)
	}
}

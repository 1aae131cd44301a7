package redisstore

import (
	"testing"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
)

// A claim belongs to a stream until the stream itself releases the name.
func TestClaim(t *testing.T) {
	s := open(t, testenv.StartRedis(t))
	mine := streams.Claim{Name: "name", Request: "request", Stream: "mine"}
	theirs := streams.Claim{Name: "name", Request: "request", Stream: "theirs"}
	started := mine
	started.Started = true
	for i, step := range []struct {
		call func() (streams.Claim, error)
		want streams.Claim
	}{
		{func() (streams.Claim, error) { return s.Claim(t.Context(), mine) }, mine},
		{func() (streams.Claim, error) { return s.Claim(t.Context(), theirs) }, mine},
		{func() (streams.Claim, error) { return theirs, s.Release(t.Context(), theirs) }, theirs},
		{func() (streams.Claim, error) { return s.Claim(t.Context(), theirs) }, mine},
		{func() (streams.Claim, error) { return s.Claim(t.Context(), started) }, started},
		{func() (streams.Claim, error) { return s.Claim(t.Context(), mine) }, started}, // a late renewal
		{func() (streams.Claim, error) { return mine, s.Release(t.Context(), mine) }, mine},
		{func() (streams.Claim, error) { return s.Claim(t.Context(), theirs) }, theirs},
	} {
		if got, err := step.call(); err != nil || got != step.want {
			t.Errorf("step %d: got %+v, %v; want %+v", i, got, err, step.want)
		}
	}
}

// The claim and the conversations of a stream last as long as the stream, which keeps the
// claim in its metadata.
func TestClaimLifetime(t *testing.T) {
	s := open(t, testenv.StartRedis(t))
	about := metadata
	about.Claim = streams.Claim{Name: "name", Request: "request"}
	ttl := func() time.Duration {
		ttl, err := s.client.PTTL(t.Context(), s.claimKey("name")).Result()
		if err != nil {
			t.Fatal(err)
		}
		return ttl
	}
	log := typewriter.NewLog(typewriter.LogOptions{})
	barrier := log.Barrier()
	written := make(chan error)
	go func() {
		written <- s.Write(t.Context(), "id", streams.Outbound{Metadata: about, Barrier: barrier, OnCommand: func(streams.Command) {}, Conversations: func() []string { return []string{"c"} }})
	}()
	testenv.Eventually(t, "the claim exists", func() bool { return ttl() > 0 })
	if got := ttl(); got > streams.ClaimLease {
		t.Errorf("without an entry, the claim lasts for %v", got)
	}
	if err := log.Append(typewriter.Event{Frame: frame, Text: "x"}); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, "the claim lasts as long as a running stream", func() bool { return ttl() > s.runningTTL()-time.Second })
	log.End()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if got := ttl(); got < s.Retention-time.Second {
		t.Errorf("after the end, the claim lasts for %v", got)
	}
	if got, err := s.client.PTTL(t.Context(), s.conversationKey("c")).Result(); err != nil || got < s.Retention-time.Second {
		t.Errorf("after the end, the conversation lasts for %v, %v", got, err)
	}
	if found, err := s.Find(t.Context(), "id"); err != nil || found.Claim != about.Claim {
		t.Errorf("got %+v, %v", found.Claim, err)
	}
}

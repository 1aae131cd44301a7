package streams_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
)

// claimOf returns a claim of the only name in these tests, for a new stream.
func claimOf(request string) streams.Claim {
	return streams.Claim{Name: "name", Request: request, Stream: streams.NewID()}
}

// claim claims the name at a registry, without a wait.
func claim(t *testing.T, r *streams.Registry, c streams.Claim) (*streams.Start, string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	return r.Claim(ctx, c)
}

// openClaimed opens the stream of a claim.
func openClaimed(t *testing.T, r *streams.Registry, c streams.Claim) *streams.Stream {
	t.Helper()
	start, _, err := claim(t, r, c)
	if err != nil || start == nil {
		t.Fatalf("got %v, %v", start, err)
	}
	source := streams.Source{Cancel: func(context.Context) {}, Stop: func() {}, Origin: streams.Origin{Format: "plain"}}
	return r.Open(streams.Opening{ID: c.Stream, Owner: "owner", Resumable: true, Start: start, Source: source})
}

// A name belongs to the first stream, at all replicas, until a release.
func testClaim(t *testing.T, r replicas) {
	s := openClaimed(t, r.here, claimOf("request"))
	fill(t, s, 0, 1)
	await(t, s.Log, 1, false)
	for range 2 { // while the stream runs, and after its end
		for _, r := range []*streams.Registry{r.here, r.there} {
			if start, id, err := claim(t, r, claimOf("request")); start != nil || id != s.ID || err != nil {
				t.Errorf("same request: got %v, %q, %v; want %q", start, id, err, s.ID)
			}
			if start, _, err := claim(t, r, claimOf("other")); start != nil || !errors.Is(err, streams.ErrClaimed) {
				t.Errorf("other request: got %v, %v", start, err)
			}
		}
		end(s)
		await(t, s.Log, 1, true)
	}
}

func testClaimReleased(t *testing.T, r replicas) {
	start, _, err := claim(t, r.here, claimOf("request"))
	if err != nil {
		t.Fatal(err)
	}
	if r.here != r.there {
		if start, id, err := claim(t, r.there, claimOf("request")); start != nil || id != "" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("during the start: got %v, %q, %v", start, id, err)
		}
	}
	start.Release(t.Context())
	if start, _, err := claim(t, r.there, claimOf("other")); start == nil {
		t.Errorf("after the release: %v", err)
	}
}

// A claim is renewed while the start takes long, and lapses with its replica, also if the
// stream has no entry.
func TestClaimOfLostReplica(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		claim func(*testing.T, *streams.Registry)
	}{
		{"opening", func(t *testing.T, r *streams.Registry) {
			if _, _, err := claim(t, r, claimOf("request")); err != nil {
				t.Fatal(err)
			}
		}},
		{"no entry", func(t *testing.T, r *streams.Registry) { openClaimed(t, r, claimOf("request")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			relay := newRelay(t, server)
			lost, other := newReplica(t, relay, nil), newReplica(t, server, nil)
			test.claim(t, lost)
			ctx, cancel := context.WithTimeout(t.Context(), streams.ClaimLease+time.Second)
			defer cancel()
			if start, id, err := other.Claim(ctx, claimOf("request")); start != nil || id != "" || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v, %q, %v", start, id, err)
			}
			relay.Cut()
			ctx, cancel = context.WithTimeout(t.Context(), patience)
			defer cancel()
			if start, _, err := other.Claim(ctx, claimOf("request")); start == nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Another replica continues a claimed stream and keeps the claim.
func TestClaimAfterTakeOver(t *testing.T) {
	t.Parallel()
	r := inRedis(t)
	s := openClaimed(t, r.here, claimOf("request"))
	fill(t, s, 0, 3)
	await(t, s.Log, 3, false)
	r.here.Close()
	other, err := r.there.Find(t.Context(), streams.Lookup{ID: s.ID, Owner: "owner", Continue: continueTo(5)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Detach()
	await(t, other.Log, 5, true)
	if start, id, err := claim(t, r.there, claimOf("request")); start != nil || id != s.ID || err != nil {
		t.Errorf("got %v, %q, %v; want %q", start, id, err, s.ID)
	}
}

// A claim is free again when its stream was evicted, and during an outage it is held by the
// replica alone. Once the store has lost its data, the writer claims the name again.
func TestClaimFaults(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	relay := newRelay(t, server)
	here, there := newReplica(t, relay, nil), newReplica(t, server, nil)
	s := openClaimed(t, here, claimOf("request"))
	fill(t, s, 0, 1)
	await(t, s.Log, 1, false)

	redisCommand(t, server, "FLUSHALL")
	testenv.Eventually(t, "the claim is stored again", func() bool {
		start, id, _ := claim(t, there, claimOf("request"))
		if start != nil {
			start.Release(t.Context())
		}
		return id == s.ID
	})

	relay.Cut()
	if start, id, err := claim(t, here, claimOf("request")); start != nil || id != s.ID {
		t.Errorf("during an outage: got %v, %q, %v", start, id, err)
	}
	relay.Heal()
	end(s)
	testenv.Eventually(t, "the end is stored", func() bool {
		other, err := there.Find(t.Context(), streams.Lookup{ID: s.ID, Owner: "owner"})
		if err != nil {
			return false
		}
		defer other.Detach()
		_, ended := other.Log.Len()
		return ended
	})
	redisCommand(t, server, "DEL test:{"+s.ID+"} test:{"+s.ID+"}:about")
	third := newReplica(t, server, nil)
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) { // until the store has settled
		if start, _, err := claim(t, third, claimOf("other request")); start != nil {
			break
		} else if time.Since(began) > patience {
			t.Fatalf("the claim of the evicted stream is not free: %v", err)
		}
	}
}

package streams_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
)

// list returns the ids of the streams of a conversation.
func list(t *testing.T, r *streams.Registry, owner, conversation string) (ids []string, ended []bool) {
	t.Helper()
	all, err := r.List(t.Context(), owner, conversation)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if l.Started.IsZero() || time.Since(l.Started) > time.Minute {
			t.Errorf("%s started at %v", l.ID, l.Started)
		}
		ids, ended = append(ids, l.ID), append(ended, l.Ended)
	}
	return ids, ended
}

// A conversation lists the owner's streams at all replicas, the latest first.
func testConversation(t *testing.T, r replicas) {
	first := open(t, r.here, streams.Source{})
	first.AddConversation("owner", "c")
	first.AddConversation("owner", "c")
	fill(t, first, 0, 1)
	await(t, first.Log, 1, false)
	time.Sleep(2 * time.Millisecond) // the resolution of the starts
	second := open(t, r.there, streams.Source{})
	second.AddConversation("owner", "c")
	second.AddConversation("owner", "other")
	second.AddConversation("owner", "")
	fill(t, second, 0, 1)
	end(second)
	await(t, second.Log, 1, true)
	for _, r := range []*streams.Registry{r.here, r.there} {
		if got, ended := list(t, r, "owner", "c"); !slices.Equal(got, []string{second.ID, first.ID}) || !slices.Equal(ended, []bool{true, false}) {
			t.Errorf("got %v %v, want %s, ended, and %s", got, ended, second.ID, first.ID)
		}
		if got, _ := list(t, r, "owner", "other"); !slices.Equal(got, []string{second.ID}) {
			t.Errorf("got %v, want %s", got, second.ID)
		}
		for _, of := range [][2]string{{"stranger", "c"}, {"", "c"}, {"owner", "d"}, {"owner", ""}, {"ownerc", ""}} {
			if got, _ := list(t, r, of[0], of[1]); len(got) > 0 {
				t.Errorf("%v: got %v", of, got)
			}
		}
	}
	end(first)
}

// A stream is in the conversation of its new writer, too, and streams that are gone leave
// their conversations.
func TestConversationFaults(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	r, third := replicas{newReplica(t, server, nil), newReplica(t, server, nil)}, newReplica(t, server, nil)
	lost, s := open(t, r.here, streams.Source{}), open(t, r.here, streams.Source{})
	for _, s := range []*streams.Stream{lost, s} {
		s.AddConversation("owner", "c")
		fill(t, s, 0, 1)
		await(t, s.Log, 1, false)
	}
	r.here.Close()
	redisCommand(t, server, "DEL test:{"+lost.ID+"} test:{"+lost.ID+"}:about")
	rest := continueTo(3)
	other, err := r.there.Find(t.Context(), streams.Lookup{
		ID: s.ID, Owner: "owner",
		Continue: func(ctx context.Context, from streams.Origin, recorded iter.Seq[typewriter.Event]) (iter.Seq[typewriter.Event], streams.Source) {
			events, source := rest(ctx, from, recorded)
			source.Conversation = "of the new writer"
			return events, source
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Detach()
	await(t, other.Log, 3, true)
	for _, conversation := range []string{"c", "of the new writer"} {
		if got, _ := list(t, third, "owner", conversation); !slices.Equal(got, []string{s.ID}) {
			t.Errorf("%s: got %v, want %s", conversation, got, s.ID)
		}
	}
}

// Without the store, a replica lists its own streams and reports the outage.
func TestConversationDuringOutage(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	r := newReplica(t, server, nil)
	s := open(t, r, streams.Source{})
	s.AddConversation("owner", "c")
	server.Kill()
	got, err := r.List(t.Context(), "owner", "c")
	if !errors.Is(err, streams.ErrUnavailable) || len(got) != 1 || got[0].ID != s.ID {
		t.Errorf("got %v, %v", got, err)
	}
	end(s)
}

package streams_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
)

// byLink finds a stream by a link.
func byLink(t *testing.T, r *streams.Registry, id, link string, right streams.Right) error {
	t.Helper()
	s, err := r.Find(t.Context(), streams.Lookup{ID: id, Link: link, Right: right})
	if err == nil {
		s.Detach()
	}
	return err
}

// A link opens a stream at all replicas, until the stream is stopped at any.
func testLink(t *testing.T, r replicas) {
	for _, ended := range []bool{false, true} {
		s := open(t, r.here, streams.Source{})
		fill(t, s, 0, 1)
		await(t, s.Log, 1, false)
		if ended {
			end(s)
			await(t, s.Log, 1, true)
		}
		read, stop := s.Link(streams.MayRead, time.Now().Add(time.Hour)), s.Link(streams.MayStop, time.Now().Add(time.Hour))
		expired, other := s.Link(streams.MayStop, time.Now()), open(t, r.here, streams.Source{}).Link(streams.MayStop, time.Now().Add(time.Hour))
		for _, r := range []*streams.Registry{r.there, r.here} {
			for _, test := range []struct {
				link  string
				right streams.Right
				want  error
			}{
				{read, streams.MayRead, nil},
				{read, streams.MayStop, streams.ErrGone},
				{stop, streams.MayRead, nil},
				{stop, streams.MayStop, nil},
				{expired, streams.MayRead, streams.ErrGone},
				{other, streams.MayRead, streams.ErrGone},
				{"", streams.MayRead, streams.ErrGone},
			} {
				if err := byLink(t, r, s.ID, test.link, test.right); !errors.Is(err, test.want) {
					t.Errorf("ended: %v, link %q for %v: got %v, want %v", ended, test.link, test.right, err, test.want)
				}
			}
		}
		find(t, r.there, s.ID).Cancel(t.Context())
		for _, r := range []*streams.Registry{r.here, r.there} {
			if err := byLink(t, r, s.ID, stop, streams.MayRead); !errors.Is(err, streams.ErrGone) {
				t.Errorf("ended: %v, after a stop: got %v", ended, err)
			}
		}
	}
}

// A viewer who cannot continue a stream leaves it to another viewer.
func TestViewerWithoutCredential(t *testing.T) {
	t.Parallel()
	r := inRedis(t)
	s := open(t, r.here, streams.Source{})
	fill(t, s, 0, 3)
	await(t, s.Log, 3, false)
	link := s.Link(streams.MayRead, time.Now().Add(time.Hour))
	viewer, err := r.there.Find(t.Context(), streams.Lookup{ID: s.ID, Link: link, Right: streams.MayRead})
	if err != nil {
		t.Fatal(err)
	}
	defer viewer.Detach()
	r.here.Close()
	time.Sleep(4 * time.Second) // longer than a takeover takes
	if n, ended := viewer.Log.Len(); n != 3 || ended {
		t.Fatalf("the log has %d entries, ended: %v", n, ended)
	}
	owner, err := r.there.Find(t.Context(), streams.Lookup{ID: s.ID, Owner: "owner", Continue: continueTo(5)})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Detach()
	await(t, viewer.Log, 5, true)
}

// During an outage, the links of shared streams are refused for a time.
func TestLinkDuringOutage(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	r := newReplica(t, server, nil)
	s := open(t, r, streams.Source{})
	link := s.Link(streams.MayRead, time.Now().Add(time.Hour))
	server.Kill()
	if err := byLink(t, r, s.ID, link, streams.MayRead); !errors.Is(err, streams.ErrUnavailable) {
		t.Errorf("a shared stream: got %v", err)
	}
	alone := r.Open(streams.Opening{
		ID: streams.NewID(), Owner: "owner", Resumable: true,
		Source: streams.Source{Stop: func() {}, Cancel: func(context.Context) {}},
	})
	if err := byLink(t, r, alone.ID, alone.Link(streams.MayRead, time.Now().Add(time.Hour)), streams.MayRead); err != nil {
		t.Errorf("a stream of this replica: got %v", err)
	}
	end(s)
	end(alone)
}

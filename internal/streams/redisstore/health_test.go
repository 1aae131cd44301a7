package redisstore

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
)

// settle ends the settle time of a store.
func settle(t *testing.T, s *Store) {
	t.Helper()
	s.health.mu.Lock()
	s.health.sound = time.Now().Add(-settleTime)
	s.health.mu.Unlock()
	if _, err := s.Find(t.Context(), "unknown"); !errors.Is(err, streams.ErrGone) {
		t.Fatalf("a settled store: %v", err)
	}
}

// An unknown stream is unavailable, not gone, during a fault of Redis and for settleTime
// after the fault: the writer may yet store the stream.
func TestUnknownStream(t *testing.T) {
	t.Parallel()
	do := func(args ...any) func(*testing.T, *Store, *testenv.Redis) {
		return func(t *testing.T, s *Store, _ *testenv.Redis) {
			t.Helper()
			if err := s.client.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	nothing := func(*testing.T, *Store, *testenv.Redis) {}
	for _, test := range []struct {
		name       string
		fault, end func(*testing.T, *Store, *testenv.Redis)
	}{
		{"killed", func(_ *testing.T, _ *Store, r *testenv.Redis) { r.Kill(); r.Start() }, nothing},
		{"stopped", func(_ *testing.T, _ *Store, r *testenv.Redis) { r.Pause() }, func(_ *testing.T, _ *Store, r *testenv.Redis) { r.Resume() }},
		{"flushed", do("FLUSHALL"), nothing},
		{"full", do("CONFIG", "SET", "maxmemory", "1"), do("CONFIG", "SET", "maxmemory", "0")},
		{"read-only", do("REPLICAOF", "127.0.0.1", "1"), do("REPLICAOF", "NO", "ONE")},
		{"failed over", func(t *testing.T, s *Store, _ *testenv.Redis) {
			s.health.mu.Lock()
			defer s.health.mu.Unlock()
			generation, run, _ := strings.Cut(s.health.identity, " ")
			if run == "" {
				t.Error("the run id is unknown")
			}
			s.health.identity = generation + " of another server"
		}, nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			s := open(t, server)
			settle(t, s)
			test.fault(t, s, server)
			if _, err := s.Find(t.Context(), "unknown"); !errors.Is(err, streams.ErrUnavailable) {
				t.Errorf("during the fault: %v", err)
			}
			test.end(t, s, server)
			began := time.Now()
			testenv.Eventually(t, "an unknown stream is gone", func() bool {
				_, err := s.Find(t.Context(), "unknown")
				return errors.Is(err, streams.ErrGone)
			})
			if took := time.Since(began); took < settleTime-probeInterval {
				t.Errorf("gone %v after the fault", took)
			}
		})
	}
}

// While Redis refuses writes, writes fail without a call, and Ping returns the error.
func TestRefusedWrites(t *testing.T) {
	s := open(t, testenv.StartRedis(t))
	for _, limit := range []string{"1", "0"} {
		if err := s.client.ConfigSet(t.Context(), "maxmemory", limit).Err(); err != nil {
			t.Fatal(err)
		}
		err := s.test(t.Context())
		if refused := limit == "1"; errors.Is(err, redisconn.ErrRefused) || refused != errors.Is(err, errProbeRefused) {
			t.Errorf("maxmemory %s: the probe returns %v", limit, err)
		}
		if err := s.Ping(t.Context()); errors.Is(err, streams.ErrUnavailable) != (limit == "1") {
			t.Errorf("maxmemory %s: Ping returns %v", limit, err)
		}
		if err := s.Create(t.Context(), "id", metadata); errors.Is(err, streams.ErrUnavailable) != (limit == "1") {
			t.Errorf("maxmemory %s: Create returns %v", limit, err)
		}
	}
}

// After an outage of openAfter readers see unstored entries, but not after a pause of this
// process: another replica may have continued the stream during the pause.
func TestOpenAfter(t *testing.T) {
	const call = redisconn.MaxWait
	for _, test := range []struct {
		name       string
		idle, took time.Duration // of each failed write
		writes     int
		want       bool
	}{
		{"one failure", leaseRefresh, call / 2, 1, false},
		{"an outage", redisconn.RetryEvery, call / 2, 2, true},
		{"a long call", leaseRefresh, call, 1, true},
		{"paused in a call", leaseRefresh, time.Minute, 1, false},
		{"paused between calls", time.Minute, call / 2, 2, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := typewriter.NewLog(typewriter.LogOptions{})
				w := writer{out: streams.Outbound{Barrier: log.Barrier()}}
				if err := log.Append(typewriter.Event{Frame: frame, Text: "x"}); err != nil {
					t.Fatal(err)
				}
				for range test.writes {
					idle := time.Now()
					time.Sleep(test.idle)
					began := time.Now()
					time.Sleep(test.took)
					w.failed(idle, began)
				}
				if n, _ := log.Len(); (n == 1) != test.want {
					t.Errorf("readers see %d entries", n)
				}
			})
		})
	}
}

// After Redis has evicted the entries of a finished stream, the stream is gone at once.
func TestEvicted(t *testing.T) {
	s := open(t, testenv.StartRedis(t))
	end := batch{metadata: metadata, entries: append(texts(3, "x"), []any{fieldEnd, "1"}), ended: true}
	if _, err := s.append(t.Context(), "id", end); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(t.Context(), "id"); err != nil {
		t.Errorf("before: %v", err)
	}
	if err := s.client.Del(t.Context(), s.keys("id").entries).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(t.Context(), "id"); !errors.Is(err, streams.ErrGone) {
		t.Errorf("after: %v", err)
	}
	if _, err := s.acquire(t.Context(), "id"); !errors.Is(err, streams.ErrGone) {
		t.Errorf("it can be continued: %v", err)
	}
}

// A replaced writer returns ErrFenced. If readers have seen stored entries only, the writer
// hands the log off; otherwise the log stays.
func TestFenced(t *testing.T) {
	for _, test := range []struct {
		name string
		open bool // readers have seen all entries
		want int  // number of entries that they see in the end
	}{
		{"stored entries", false, 1},
		{"other entries", true, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := testenv.StartRedis(t)
			s, other := open(t, server), open(t, server)
			log := typewriter.NewLog(typewriter.LogOptions{})
			out := streams.Outbound{Metadata: metadata, Epochs: &streams.Epochs{}, Barrier: log.Barrier(), OnCommand: func(streams.Command) {}}
			add := func(n int) {
				for range n {
					if err := log.Append(typewriter.Event{Frame: frame, Text: "x"}); err != nil {
						t.Fatal(err)
					}
				}
			}
			add(1)
			w := writer{store: s, id: "id", out: out}
			if _, err := w.write(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.client.Del(t.Context(), s.keys("id").lease).Err(); err != nil {
				t.Fatal(err)
			}
			if epoch, err := other.acquire(t.Context(), "id"); err != nil || epoch != 1 {
				t.Fatal(epoch, err)
			}
			if test.open {
				out.Barrier.Open()
			}
			add(1)
			out.Written = w.next
			if err := s.Write(t.Context(), "id", out); !errors.Is(err, streams.ErrFenced) {
				t.Errorf("got %v", err)
			}
			add(1)
			if n, _ := log.Len(); n != test.want || log.HandedOff() == test.open {
				t.Errorf("readers see %d entries, handed off: %v", n, log.HandedOff())
			}
		})
	}
}

// After Redis has lost its data the writer of the last epoch wins, even if another writer
// stores the stream first.
func TestEpochs(t *testing.T) {
	server := testenv.StartRedis(t)
	paused, writer := open(t, server), open(t, server)
	for _, first := range []*Store{paused, writer} {
		if _, err := first.append(t.Context(), "id", batch{metadata: metadata, entries: texts(9, "old")}); first == paused && err != nil {
			t.Fatal(err)
		}
		p, err := writer.append(t.Context(), "id", batch{metadata: metadata, epoch: 1, entries: texts(2, "new")})
		if err != nil || p.last != 2 {
			t.Errorf("got %+v, %v", p, err)
		}
	}
	if _, err := paused.append(t.Context(), "id", batch{metadata: metadata}); !errors.Is(err, streams.ErrFenced) {
		t.Errorf("the writer of an earlier epoch: %v", err)
	}
}

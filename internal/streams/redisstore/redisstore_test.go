package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"sse-typewriter/internal/redisconn"
	"sse-typewriter/internal/streams"
	"sse-typewriter/internal/testenv"
	"sse-typewriter/typewriter"
)

const patience = 20 * time.Second

func open(t testing.TB, server *testenv.Redis) *Store {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	client, err := redisconn.Open(t.Context(), server.URL(), logger)
	if err != nil {
		t.Fatal(err)
	}
	s := Open(t.Context(), Options{Client: client, Prefix: "test:", Grace: time.Minute, Retention: 5 * time.Minute, Logger: logger})
	t.Cleanup(func() {
		s.Close()
		client.Close()
	})
	return s
}

var frame = &typewriter.Frame{Name: "conversation.message.delta", Head: `{"id":"1","content":"`, Tail: `"}`, Channel: "1"}

var metadata = streams.Metadata{OwnerHash: []byte("\x00\xffseal"), LinkKey: []byte("\x00key"), LogID: "log", Origin: streams.Origin{Upstream: "/one", Format: "plain", Note: "/path"}, Started: time.UnixMilli(1)}

// texts returns fields of entries.
func texts(n int, text string) (entries [][]any) {
	var before *typewriter.Frame
	for i := range n {
		entries = append(entries, encode(typewriter.Event{Frame: frame, Text: text}, time.Duration(i)*80*time.Millisecond, before))
		before = frame
	}
	return entries
}

// Encoding and decoding preserve an event.
func TestEntries(t *testing.T) {
	events := []typewriter.Event{
		{Frame: frame, Text: "你"},
		{Frame: frame, Text: ""},
		{Frame: &typewriter.Frame{Name: "done", Head: "[DONE]"}},
		{Frame: &typewriter.Frame{Head: ""}},
		{Frame: &typewriter.Frame{Name: "e", Head: "{12", Tail: "\x00", Channel: "c", Number: 2}, Text: "\xff"},
	}
	var before *typewriter.Frame
	d := decoder{epochs: &streams.Epochs{}}
	for i, e := range events {
		m := redis.XMessage{ID: fmt.Sprint(i+1, "-0"), Values: map[string]any{}}
		for pair := range slices.Chunk(encode(e, 5*time.Millisecond, before), 2) {
			m.Values[pair[0].(string)] = fmt.Sprint(pair[1])
		}
		m.ID = strings.ReplaceAll(m.ID, " ", "")
		got, at, ended, ok := d.decode(m)
		if !ok || ended || at != 5*time.Millisecond || got.Text != e.Text || !reflect.DeepEqual(got.Frame, e.Frame) {
			t.Errorf("event %d: got %+v %q %v %v", i, got.Frame, got.Text, ended, ok)
		}
		before = e.Frame
	}
	for _, m := range []redis.XMessage{
		{ID: "5-0", Values: map[string]any{fieldText: "twice"}},
		{ID: "7-0", Values: map[string]any{fieldText: "a gap"}},
		{ID: "6-0", Values: map[string]any{fieldHead: "", fieldNumber: "1"}},
	} {
		if _, _, _, ok := d.decode(m); ok {
			t.Errorf("%v is accepted", m)
		}
	}
}

// Repeated entries are stored once, and a replaced writer stores none.
func TestAppend(t *testing.T) {
	server := testenv.StartRedis(t)
	a, b := open(t, server), open(t, server)
	ctx := t.Context()
	want := func(p progress, err error, last int) {
		t.Helper()
		if err != nil || p.last != last {
			t.Errorf("got %+v, %v; want last %d", p, err, last)
		}
	}
	p, err := a.append(ctx, "id", batch{metadata: metadata, entries: texts(3, "x")})
	want(p, err, 3)
	p, err = a.append(ctx, "id", batch{metadata: metadata, entries: texts(5, "x")}) // the first three again
	want(p, err, 5)
	p, err = a.append(ctx, "id", batch{metadata: metadata, before: 7, entries: texts(1, "x")}) // a gap
	want(p, err, 5)
	if got, err := b.Find(ctx, "id"); err != nil || !reflect.DeepEqual(got, metadata) {
		t.Errorf("got %+v, %v", got, err)
	}
	if epoch, err := b.acquire(ctx, "id"); epoch != 0 || err != nil {
		t.Errorf("acquired from a running writer: %v", err)
	}
	if err := a.client.Del(ctx, a.keys("id").lease).Err(); err != nil {
		t.Fatal(err)
	}
	if epoch, err := b.acquire(ctx, "id"); epoch != 1 || err != nil {
		t.Errorf("not acquired: %v", err)
	}
	if _, err := a.append(ctx, "id", batch{metadata: metadata, before: 5, entries: texts(1, "x")}); !errors.Is(err, streams.ErrFenced) {
		t.Errorf("a replaced writer: %v", err)
	}
	p, err = b.append(ctx, "id", batch{metadata: metadata, epoch: 1, before: 5, entries: texts(1, "x")})
	want(p, err, 6)
	if _, err := b.acquire(ctx, "other"); !errors.Is(err, streams.ErrGone) {
		t.Errorf("an unknown stream: %v", err)
	}
}

// The TTLs of keys are those of docs/redis.md.
func TestLives(t *testing.T) {
	s := open(t, testenv.StartRedis(t))
	check := func(name string, want map[string]time.Duration) {
		t.Helper()
		for key, ttl := range want {
			got := s.client.PTTL(t.Context(), key).Val()
			if ttl == 0 && got >= 0 || ttl > 0 && (got > ttl || got < ttl-patience) {
				t.Errorf("%s: the TTL of %s is %v, want %v", name, key, got, ttl)
			}
		}
	}
	k := s.keys("id")
	if _, err := s.append(t.Context(), "id", batch{metadata: metadata, entries: texts(1, "x")}); err != nil {
		t.Fatal(err)
	}
	check("running", map[string]time.Duration{k.entries: 67 * time.Second, k.metadata: 67 * time.Second, k.lease: 5 * time.Second})
	if _, err := s.append(t.Context(), "id", batch{metadata: metadata, before: 1, entries: [][]any{{fieldEnd, "1"}}, ended: true}); err != nil {
		t.Fatal(err)
	}
	check("ended", map[string]time.Duration{k.entries: 5 * time.Minute, k.metadata: 5 * time.Minute, k.lease: 0})
}

// After a stream exceeds its bound, Redis holds no entries of the stream, and the stream
// continues at its replica.
func TestTooLarge(t *testing.T) {
	s := open(t, testenv.StartRedis(t))
	log := typewriter.NewLog(typewriter.LogOptions{})
	barrier := log.Barrier()
	for range 3 {
		if err := log.Append(typewriter.Event{Frame: frame, Text: strings.Repeat("x", 6<<20)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Write(ctx, "id", streams.Outbound{Metadata: metadata, Epochs: &streams.Epochs{}, Barrier: barrier, OnCommand: func(streams.Command) {}}); !errors.Is(err, errTooLarge) {
		t.Errorf("got %v", err)
	}
	if n, _ := log.Len(); n != 3 {
		t.Errorf("readers see %d entries", n)
	}
	if n := s.client.Exists(t.Context(), s.keys("id").entries, s.keys("id").lease).Val(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	if _, err := s.Find(t.Context(), "id"); !errors.Is(err, streams.ErrUnavailable) {
		t.Errorf("other replicas find it: %v", err)
	}
	if _, err := s.acquire(t.Context(), "id"); !errors.Is(err, streams.ErrGone) {
		t.Errorf("it can be continued: %v", err)
	}
}

// TestMemory measures the size of an answer in Redis for docs/redis.md, with deltas of 2.7
// characters as Coze sends them.
func TestMemory(t *testing.T) {
	s := open(t, testenv.StartRedis(t))
	for _, length := range []int{100, 1000, 10_000} {
		for _, text := range []struct{ name, char string }{{"Chinese", "字"}, {"English", "e"}} {
			id := fmt.Sprint(text.name, length)
			deltas := length * 10 / 27
			var entries [][]any
			before := (*typewriter.Frame)(nil)
			for i := range deltas {
				n := length*(i+1)/deltas - length*i/deltas
				e := typewriter.Event{Frame: frame, Text: strings.Repeat(text.char, n)}
				entries = append(entries, encode(e, time.Duration(i)*83*time.Millisecond, before))
				before = frame
			}
			for i := 0; i < len(entries); i += maxBatch {
				if _, err := s.append(t.Context(), id, batch{metadata: metadata, before: i, entries: entries[i:min(i+maxBatch, len(entries))]}); err != nil {
					t.Fatal(err)
				}
			}
			k := s.keys(id)
			bytes := s.client.MemoryUsage(t.Context(), k.entries, 0).Val() + s.client.MemoryUsage(t.Context(), k.metadata).Val() +
				s.client.MemoryUsage(t.Context(), k.lease).Val()
			t.Logf("%s, %d characters: %d bytes, %.1f a character", text.name, length, bytes, float64(bytes)/float64(length))
			if bytes > int64(6000+13*length) {
				t.Errorf("%s: %d bytes for %d characters", text.name, bytes, length)
			}
		}
	}
}

// Readers see stored entries only, because another replica must be able to continue.
func TestStoredBeforeShown(t *testing.T) {
	s := open(t, testenv.StartRedis(t))
	log := typewriter.NewLog(typewriter.LogOptions{})
	out := streams.Outbound{Metadata: metadata, Epochs: &streams.Epochs{}, Barrier: log.Barrier(), OnCommand: func(streams.Command) {}}
	written := make(chan error)
	go func() { written <- s.Write(t.Context(), "id", out) }()
	ready := make(chan struct{}, 1)
	defer log.Subscribe(typewriter.Notify(ready))()
	timer := time.NewTimer(patience)
	const n = 300
	for shown := 0; shown < n; {
		for range 3 {
			if err := log.Append(typewriter.Event{Frame: frame, Text: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-ready:
		case <-timer.C:
			t.Fatalf("readers see only %d entries", shown)
		}
		shown, _ = log.Len()
		if there := s.client.XLen(t.Context(), s.keys("id").entries).Val(); int(there) < shown {
			t.Fatalf("readers see %d entries, but only %d are stored", shown, there)
		}
	}
	log.End()
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// A stream without entries is not handed off at shutdown, because no other replica could
// continue the stream. The writer removes such a stream from Redis.
func TestNothingToHandOff(t *testing.T) {
	s := open(t, testenv.StartRedis(t))
	log := typewriter.NewLog(typewriter.LogOptions{})
	if err := s.Create(t.Context(), "id", metadata); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := s.Write(ctx, "id", streams.Outbound{Metadata: metadata, Epochs: &streams.Epochs{}, Barrier: log.Barrier()}); err != nil || log.HandedOff() {
		t.Errorf("%v; handed off: %v", err, log.HandedOff())
	}
	if n := s.client.Exists(t.Context(), s.keys("id").all()...).Val(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// A stream stored by another version of the program is incompatible: neither read nor
// reported as gone.
func TestOtherVersion(t *testing.T) {
	t.Parallel()
	s := open(t, testenv.StartRedis(t))
	if err := s.Create(t.Context(), "id", metadata); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Find(t.Context(), "id"); err != nil || !reflect.DeepEqual(got, metadata) {
		t.Errorf("got %+v, %v; want %+v", got, err, metadata)
	}
	if err := s.client.HSet(t.Context(), s.keys("id").metadata, fieldSchema, "0").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(t.Context(), "id"); !errors.Is(err, streams.ErrIncompatible) {
		t.Errorf("got %v, want %v", err, streams.ErrIncompatible)
	}
}

// A process that shuts down while Redis is slow still hands its streams over. If readers
// have seen entries that could not be stored, the stream stays.
func TestHandOverToSlowRedis(t *testing.T) {
	for name, test := range map[string]struct{ shown, back bool }{
		"late":           {false, true},
		"lost, and back": {true, true},
		"lost":           {true, false},
		"lost at once":   {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			s := open(t, server)
			log := typewriter.NewLog(typewriter.LogOptions{})
			grow := func(want int) {
				t.Helper()
				ready := make(chan struct{}, 1)
				defer log.Subscribe(typewriter.Notify(ready))()
				if err := log.Append(typewriter.Event{Frame: frame, Text: "x"}); err != nil {
					t.Fatal(err)
				}
				for n, _ := log.Len(); n < want; n, _ = log.Len() {
					select {
					case <-ready:
					case <-time.After(patience):
						t.Fatalf("readers see %d entries, want %d", n, want)
					}
				}
			}
			ctx, end := context.WithCancel(t.Context())
			out := streams.Outbound{Metadata: metadata, Epochs: &streams.Epochs{}, Barrier: log.Barrier(), OnCommand: func(streams.Command) {}}
			written := make(chan error)
			go func() { written <- s.Write(ctx, "id", out) }()
			grow(1)
			server.Pause()
			began := time.Now()
			if test.shown {
				if grow(2); time.Since(began) < openAfter {
					t.Error("readers see an entry that is not stored, at once")
				}
			} else {
				grow(1)
			}
			end()
			if test.back {
				time.AfterFunc(1200*time.Millisecond, server.Resume) // longer than the timeout of a command
			}
			err := <-written
			n, ended := log.Len()
			switch {
			case test.back:
				there := s.client.XLen(t.Context(), s.keys("id").entries).Val()
				if err != nil || n != 2 || !ended || !log.HandedOff() || there != 2 {
					t.Errorf("%v, readers see %d entries, ended: %v, handed off: %v, %d are stored", err, n, ended, log.HandedOff(), there)
				}
			case test.shown != !log.HandedOff() || ended == test.shown:
				t.Errorf("%v, readers see %d entries, ended: %v, handed off: %v", err, n, ended, log.HandedOff())
			}
			server.Resume()
		})
	}
}

package typewriter

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// fill appends n events with the same frame and the numbers from first on as texts.
func fill(t testing.TB, log *Log, frame *Frame, first, n int) {
	t.Helper()
	for i := range n {
		if err := log.Append(Event{Frame: frame, Text: strconv.Itoa(first + i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// checkRead checks the frame of an entry and the number that is its text.
func checkRead(t testing.TB, log *Log, i int, frame *Frame, number int) {
	t.Helper()
	if e, _, ok := log.Read(i); !ok || e.Text != strconv.Itoa(number) || e.Frame != frame {
		t.Fatalf("entry %d is %q in %v, %t; want %d", i, e.Text, e.Frame, ok, number)
	}
}

func TestLogReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := NewLog(LogOptions{})
		if n, ended := log.Len(); n != 0 || ended {
			t.Errorf("new log has %d entries, ended %t", n, ended)
		}
		if _, _, ok := log.Read(0); ok {
			t.Error("new log has an entry")
		}
		for i := range 3 {
			time.Sleep(time.Second)
			fill(t, log, content, i, 1)
		}
		for i := range 3 {
			checkRead(t, log, i, content, i)
			if _, at, _ := log.Read(i); at != time.Duration(i+1)*time.Second {
				t.Errorf("entry %d arrived at %v", i, at)
			}
		}
		if _, _, ok := log.Read(3); ok {
			t.Error("read beyond the end")
		}
		log.End()
		if n, ended := log.Len(); n != 3 || !ended {
			t.Errorf("log has %d entries, ended %t", n, ended)
		}
	})
}

func TestLogSharesFrames(t *testing.T) {
	log := NewLog(LogOptions{})
	entrySize := int(unsafe.Sizeof(entry{}))
	if entrySize != 8 {
		t.Errorf("an entry takes %d bytes, want 8", entrySize)
	}
	fill(t, log, content, 10, 50)
	if want := content.size() + 50*(entrySize+2); log.Size() != want || len(log.runs) != 1 {
		t.Errorf("50 events of a frame take %d bytes, want %d, and %d frames", log.Size(), want, len(log.runs))
	}
	fill(t, log, reasoning, 10, 1)
	fill(t, log, content, 10, 1)
	if want := 2*content.size() + reasoning.size() + 52*(entrySize+2); log.Size() != want {
		t.Errorf("two more runs make %d bytes, want %d", log.Size(), want)
	}
	if got := (&Frame{}).size(); content.size() != got+len(content.Name+content.Head+content.Tail+content.Channel) {
		t.Errorf("a frame takes %d bytes, an empty one %d", content.size(), got)
	}
}

func TestLogIsBounded(t *testing.T) {
	log := NewLog(LogOptions{MaxBytes: content.size() + 100*(8+3)})
	fill(t, log, content, 100, 100)
	size := log.Size()
	if err := log.Append(text("")); !errors.Is(err, ErrFull) {
		t.Errorf("got error %v, want %v", err, ErrFull)
	}
	if n, _ := log.Len(); n != 100 || log.Size() != size {
		t.Errorf("the event that did not fit left %d entries and %d bytes", n, log.Size())
	}
	log.Trim(90)
	fill(t, log, content, 200, 90)
	if err := log.Append(text("1")); !errors.Is(err, ErrFull) {
		t.Errorf("after a trim: got error %v, want %v", err, ErrFull)
	}
	for _, bytes := range []int{0, -1, maxLogBytes + 1} {
		if got := NewLog(LogOptions{MaxBytes: bytes}).maxBytes; got != maxLogBytes {
			t.Errorf("a log of %d bytes has a bound of %d", bytes, got)
		}
	}
}

// A full log ends with the event given for that case, and the source is stopped.
func TestRecordStopsWhenFull(t *testing.T) {
	log := NewLog(LogOptions{MaxBytes: content.size() + 5*(8+4)})
	asked := 0
	err := Record(func(yield func(Event) bool) {
		for asked < 1000 {
			if asked++; !yield(text("four")) {
				return
			}
		}
	}, log, func() []Event { return []Event{other("full")} })
	n, ended := log.Len()
	if !errors.Is(err, ErrFull) || n != 6 || !ended || asked != 6 {
		t.Errorf("got error %v after %d events, and %d entries, ended %t", err, asked, n, ended)
	}
	if e, _, _ := log.Read(5); e.Frame.Name != "full" {
		t.Errorf("the log ends with %q", e.Frame.Name)
	}
}

func TestLogTrims(t *testing.T) {
	log := NewLog(LogOptions{})
	fill(t, log, reasoning, 0, 30)
	fill(t, log, content, 30, 170)
	size := log.Size()
	log.Trim(dropMin - 1) // too few
	log.Trim(99)          // less than half
	if log.Size() != size {
		t.Errorf("small trims made %d bytes of %d", log.Size(), size)
	}
	log.Trim(120)
	if want := content.size() + 80*(8+3); log.Size() != want {
		t.Errorf("the rest takes %d bytes, want %d", log.Size(), want)
	}
	if n, _ := log.Len(); n != 200 {
		t.Errorf("log has %d entries, want 200", n)
	}
	for i := 120; i < 200; i++ {
		checkRead(t, log, i, content, i)
	}
	log.Trim(200)
	if log.Size() != content.size() {
		t.Errorf("an empty log takes %d bytes, want %d", log.Size(), content.size())
	}
	fill(t, log, content, 200, 1)
	fill(t, log, reasoning, 201, 1)
	checkRead(t, log, 200, content, 200)
	checkRead(t, log, 201, reasoning, 201)
	if _, _, ok := log.Read(202); ok {
		t.Error("read beyond the end")
	}
}

// The first event is unknown once it was trimmed, and the last one if nothing is left.
func TestLogEnds(t *testing.T) {
	log := NewLog(LogOptions{})
	check := func(first, last string) {
		t.Helper()
		gotFirst, gotLast := log.Ends()
		if gotFirst.Text != first || gotLast.Text != last {
			t.Errorf("got %q and %q, want %q and %q", gotFirst.Text, gotLast.Text, first, last)
		}
	}
	check("", "")
	fill(t, log, content, 0, 1)
	check("0", "0")
	fill(t, log, content, 1, 199)
	check("0", "199")
	log.Trim(120)
	check("", "199")
	log.Trim(200)
	check("", "")
}

// Trimming beyond the end trims the entries that exist.
func TestLogTrimsBeyondEnd(t *testing.T) {
	log := NewLog(LogOptions{})
	fill(t, log, content, 0, 10)
	log.Trim(1000)
	fill(t, log, content, 10, 90)
	for i := range 100 {
		if i >= 10 {
			checkRead(t, log, i, content, i)
		}
	}
	log.Trim(1000)
	if n, _ := log.Len(); n != 100 {
		t.Errorf("log has %d entries, want 100", n)
	}
	log.End()
	p := Player{Log: log, Pace: DefaultPace(Raw), From: Position{Entry: 1000}, TrimPlayed: true}
	if err := p.Play(context.Background(), newRecorder(t)); err != nil {
		t.Error(err)
	}
}

func TestLogReadOfTrimmedPanics(t *testing.T) {
	log := NewLog(LogOptions{})
	fill(t, log, content, 0, 100)
	log.Trim(100)
	defer func() {
		if recover() == nil {
			t.Error("reading a trimmed entry did not panic")
		}
	}()
	log.Read(99)
}

// Texts that were read stay valid after a trim.
func TestLogStringsOutliveTrims(t *testing.T) {
	log := NewLog(LogOptions{})
	var kept []Event
	for round := range 20 {
		fill(t, log, content, round*200, 200)
		for i := round * 200; i < (round+1)*200; i++ {
			e, _, _ := log.Read(i)
			kept = append(kept, e)
		}
		log.Trim((round+1)*200 - 10)
	}
	for i, e := range kept {
		if e.Text != strconv.Itoa(i) {
			t.Fatalf("entry %d became %q", i, e.Text)
		}
	}
}

// Offsets wrap around.
func TestLogWrapsAround(t *testing.T) {
	for _, left := range []uint32{0, 1, 50, 150, 400, 1000} {
		log := &Log{maxBytes: maxLogBytes, textStart: math.MaxUint32 - left}
		frames := []*Frame{content, reasoning}
		for i := range 1000 {
			fill(t, log, frames[i/10%2], i, 1)
			if i%100 == 99 {
				log.Trim(i - 20)
			}
			for j := max(log.firstKept, i-50); j <= i; j++ {
				checkRead(t, log, j, frames[j/10%2], j)
			}
		}
		if want := 100 * (8 + 3 + 10); log.Size() > want+10*content.size() {
			t.Errorf("the log takes %d bytes", log.Size())
		}
		if log.textStart > math.MaxUint32/2 {
			t.Error("nothing wrapped around")
		}
	}
}

func TestLogSubscribe(t *testing.T) {
	log := NewLog(LogOptions{})
	one, two := make(chan struct{}, 1), make(chan struct{}, 1)
	defer log.Subscribe(Notify(one))()
	unsubscribe := log.Subscribe(Notify(two))
	fill(t, log, content, 0, 3) // more than there is room for
	for _, ready := range []chan struct{}{one, two} {
		if len(ready) != 1 {
			t.Error("not notified of the growth")
		}
		<-ready
	}
	unsubscribe()
	log.End()
	if len(one) != 1 || len(two) != 0 {
		t.Errorf("notified of the end: %d, and after unsubscribing: %d", len(one), len(two))
	}
}

// Concurrent readers of a growing log read all of it, also while trimming.
func TestLogConcurrently(t *testing.T) {
	const events = 5000
	logs := []*Log{NewLog(LogOptions{}), NewLog(LogOptions{})}
	var readers sync.WaitGroup
	for i, log := range []*Log{logs[0], logs[0], logs[0], logs[1]} {
		trim := i == 3
		readers.Go(func() {
			ready := make(chan struct{}, 1)
			defer log.Subscribe(Notify(ready))()
			var texts []string
			for over := false; !over; {
				n, ended := log.Len()
				for len(texts) < n {
					e, _, _ := log.Read(len(texts))
					texts = append(texts, e.Text)
				}
				if trim {
					log.Trim(n)
				}
				if over = ended; !over {
					<-ready
				}
			}
			for i, text := range texts {
				if text != strconv.Itoa(i) {
					t.Errorf("entry %d is %q", i, text)
				}
			}
			if len(texts) != events {
				t.Errorf("read %d of %d entries", len(texts), events)
			}
		})
	}
	for _, log := range logs {
		readers.Go(func() {
			defer log.End()
			fill(t, log, content, 0, events)
			log.Size()
		})
	}
	readers.Wait()
}

// The memory use of a log is about the size of the text.
func TestLogMemory(t *testing.T) {
	const chars = 100_000
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	log := NewLog(LogOptions{})
	for i, n := 0, 0; n < chars; i++ {
		size := []int{2, 3, 3}[i%3] // 2.7 on average
		n += size
		if err := log.Append(text(strings.Repeat("好", size))); err != nil {
			t.Fatal(err)
		}
	}
	if got := float64(log.Size()) / chars; got > 12 {
		t.Errorf("%.1f bytes a character, want at most 12", got)
	}
	if got := float64(heap()-before) / chars; got > 18 {
		t.Errorf("%.1f bytes of heap a character, want at most 18", got)
	}
	if n, _ := log.Len(); n < chars/3 || !slices.ContainsFunc(log.runs, func(r frameRun) bool { return r.frame == content }) {
		t.Error("the log is not what was measured")
	}
}

// An ended log has no spare capacity.
func TestLogEndFreesCapacity(t *testing.T) {
	log := NewLog(LogOptions{})
	const events = 600 // where append has left a third more
	for range events {
		if err := log.Append(text("你好啊")); err != nil {
			t.Fatal(err)
		}
	}
	before, _, _ := log.Read(events - 1)
	log.End()
	held := cap(log.text) + cap(log.entries)*int(unsafe.Sizeof(entry{}))
	if most := log.Size() * 11 / 10; held > most {
		t.Errorf("the log holds %d bytes, want %d at most", held, most)
	}
	if after, _, _ := log.Read(events - 1); after != before || after.Text != "你好啊" {
		t.Errorf("the last event is %v, want %v", after, before)
	}
}

// Arrival times have the resolution of a tick and end after twelve hours.
func TestLogTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := NewLog(LogOptions{})
		for i, test := range []struct{ sleep, want time.Duration }{
			{tick - 1, 0},
			{1, tick},
			{11 * time.Hour, 11*time.Hour + tick},
			{2 * time.Hour, math.MaxUint32 * tick},
			{24 * time.Hour, math.MaxUint32 * tick},
		} {
			time.Sleep(test.sleep)
			fill(t, log, content, i, 1)
			if _, at, _ := log.Read(i); at != test.want {
				t.Errorf("entry %d arrived at %v, want %v", i, at, test.want)
			}
		}
	})
}

// Entries keep their frames, for runs of any length and after trims.
func TestLogRuns(t *testing.T) {
	frames := []*Frame{content, reasoning, other("x").Frame}
	for _, long := range []int{1, 2, 63, 64, 65, 1000} {
		log := NewLog(LogOptions{})
		for i := range 500 {
			fill(t, log, frames[i/long%3], i, 1)
		}
		for _, from := range []int{0, 250, 251, 375, 448, 500} {
			log.Trim(from)
			for i := max(from, log.firstKept); i < 500; i++ {
				checkRead(t, log, i, frames[i/long%3], i)
			}
		}
		if want := 499/long - log.firstKept/long + 1; len(log.runs) != want {
			t.Errorf("%d runs are kept, want %d", len(log.runs), want)
		}
	}
}

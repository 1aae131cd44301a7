package typewriter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pieces collects what is written, each piece with its time.
type pieces struct {
	start time.Time
	list  []string
	fail  error // of the second write
}

func (p *pieces) Write(b []byte) (int, error) {
	if p.fail != nil && len(p.list) == 1 {
		return 0, p.fail
	}
	p.list = append(p.list, fmt.Sprintf("%v %s", time.Since(p.start), b))
	return len(b), nil
}

// steady is a pace of 100 ms for each cluster, 200 after a comma.
func steady(t *testing.T, mode Mode) Pace {
	t.Helper()
	pauses, err := NewPauses(map[string]Class{
		Other:    {Min: 100 * time.Millisecond, Max: 100 * time.Millisecond},
		"clause": {Chars: ",", Min: 200 * time.Millisecond, Max: 200 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	pace := DefaultPace(mode)
	pace.Pauses, pace.MaxLag = pauses, 0
	return pace
}

func TestType(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name  string
		texts []string
		mode  Mode
		fail  error
		want  []string
		err   error
	}{
		{name: "nothing", mode: Typewriter},
		{name: "clusters over texts", texts: []string{"a,", "👩", "\u200d👧", "", "b"}, mode: Typewriter, want: []string{"0s a", "100ms ,", "300ms 👩‍👧", "400ms b"}},
		{name: "backslashes are characters", texts: []string{`\n\`, `\,`}, mode: Typewriter, want: []string{`0s \`, `100ms n`, `200ms \`, `300ms \`, `400ms ,`}},
		{name: "raw", texts: []string{"ab", `\c`}, mode: Raw, want: []string{"0s ab", `0s \c`}},
		{name: "writer fails", texts: []string{"abc"}, mode: Typewriter, fail: broken, want: []string{"0s a"}, err: broken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &pieces{start: time.Now(), fail: test.fail}
				err := Type(t.Context(), w, slices.Values(test.texts), steady(t, test.mode))
				if !errors.Is(err, test.err) || !slices.Equal(w.list, test.want) {
					t.Errorf("got %q, %v, want %q, %v", w.list, err, test.want, test.err)
				}
			})
		})
	}
}

// The pace is checked before anything is read.
func TestTypeChecksPace(t *testing.T) {
	texts := func(func(string) bool) { t.Error("texts are read") }
	if err := Type(t.Context(), &pieces{}, texts, Pace{Mode: "fast"}); err == nil {
		t.Error("no error")
	}
}

// Once ctx is done, Type returns its error and takes no more texts, however many come.
func TestTypeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		taken := 0
		var endless iter.Seq[string] = func(yield func(string) bool) {
			for yield("x") {
				taken++
				time.Sleep(100 * time.Millisecond)
			}
		}
		w := &pieces{start: time.Now()}
		err := Type(ctx, w, endless, steady(t, Typewriter))
		if !errors.Is(err, context.DeadlineExceeded) || taken != 3 || time.Since(w.start) != 300*time.Millisecond {
			t.Errorf("ended with %v after %v, %d texts taken", err, time.Since(w.start), taken)
		}
		if want := []string{"0s x", "100ms x", "200ms x"}; !slices.Equal(w.list, want) {
			t.Errorf("wrote %q, want %q", w.list, want)
		}
	})
}

// However a text is cut, what is written is the text.
func TestTypeKeepsText(t *testing.T) {
	const alphabet = `\\nu00"é👩` + "\u200d\u0301\r\n,"
	chars := []rune(alphabet)
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var texts []string
		for range rng.IntN(20) {
			var b strings.Builder
			for range rng.IntN(4) {
				b.WriteRune(chars[rng.IntN(len(chars))])
			}
			texts = append(texts, b.String())
		}
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			if err := Type(t.Context(), &out, slices.Values(texts), DefaultPace(Typewriter)); err != nil {
				t.Fatal(err)
			}
			if want := strings.Join(texts, ""); out.String() != want {
				t.Errorf("seed %d: wrote %q, want %q", seed, out.String(), want)
			}
		})
	}
}

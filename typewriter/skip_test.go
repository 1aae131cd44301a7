package typewriter

import (
	"testing"
	"testing/synctest"
	"time"
)

// Setting a Skip frees the backlog of every player that shares it, and later text is
// not paced.
func TestPlaySkip(t *testing.T) {
	pattern := []arrival{{0, text("abcdef")}, {time.Second, text("gh")}, {0, other("done")}}
	tests := []struct {
		name string
		from Position
		at   time.Duration // when the player starts
		want []string
	}{
		{"while text waits", Position{}, 0, []string{"0 a", "100 b", "200 c", "250 def", "1000 gh", "1000 done"}},
		{"before the start", Position{Entry: 0, Offset: 4}, ms(300), []string{"300 ef", "1000 gh", "1000 done"}},
	}
	synctest.Test(t, func(t *testing.T) {
		log, skip := NewLog(LogOptions{}), &Skip{}
		pace := fixed(t)
		pace.MaxLag = 0
		results := make([]*recorder, len(tests))
		began := time.Now()
		for i, test := range tests {
			results[i] = newRecorder(t)
			go func() {
				time.Sleep(test.at)
				p := Player{Log: log, Pace: pace, From: test.from, Skip: skip}
				if err := p.Play(t.Context(), results[i]); err != nil {
					t.Error(err)
				}
			}()
		}
		time.AfterFunc(ms(250), skip.Set)
		feed(t, log, pattern)
		synctest.Wait()
		for i, test := range tests {
			t.Log(test.name)
			checkSent(t, results[i], test.want)
		}
		if got := time.Since(began); got != time.Second || !skip.IsSet() {
			t.Errorf("played for %v; set: %v", got, skip.IsSet())
		}
		if n := len(skip.listeners); n != 0 {
			t.Errorf("%d players are still subscribed", n)
		}
	})
}

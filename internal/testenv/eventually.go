package testenv

import (
	"testing"
	"time"
)

// Patience bounds each wait for a condition. No test asserts the actual duration.
const Patience = 2 * time.Minute

// Eventually waits until condition holds, and fails the test after [Patience].
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not after %v", what, Patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Receive waits for a value on a channel, and fails the test after [Patience].
func Receive[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(Patience):
		t.Fatalf("%s: still not after %v", what, Patience)
	}
	panic("not reached")
}

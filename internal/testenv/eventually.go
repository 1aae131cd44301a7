package testenv

import (
	"testing"
	"time"
)

// Patience bounds waits for conditions that must come true. How long they take is not
// asserted.
const Patience = 60 * time.Second

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

package main

import (
	"runtime/debug"
	"testing"
)

func TestCollectSooner(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	for _, test := range []struct {
		name, environment string
		want              int
	}{
		{"by default", "", gcPercent},
		{"as the environment says", "100", 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			debug.SetGCPercent(100)
			t.Setenv("GOGC", test.environment)
			collectSooner()
			if got := debug.SetGCPercent(100); got != test.want {
				t.Errorf("the percentage is %d, want %d", got, test.want)
			}
		})
	}
}

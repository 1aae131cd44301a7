package main

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"

	"sse-typewriter/internal/testenv"
)

// startSmooth starts the AI SDK's smoothStream in Node.
func startSmooth(ctx context.Context, folder string) (*process, error) {
	program, err := exec.LookPath("node")
	if err != nil {
		return nil, errMissing
	}
	if err := testenv.FetchNPM(ctx, folder); errors.Is(err, testenv.ErrNoNPM) {
		return nil, errMissing
	} else if err != nil {
		return nil, err
	}
	deltas, err := json.Marshal(splitDeltas(answer(1600)))
	if err != nil {
		return nil, err
	}
	before, after, _ := strings.Cut(string(appendEvent(nil, "\x00")), "\x00")
	return start(ctx, program, folder+"/server.mjs", before, after, string(deltas))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// startProfile starts a CPU profile of our server for the duration of the window. The
// returned function waits for the profile, and writes profiles of the heap and goroutines.
func (b *bench) startProfile(name string, streams int, server *process) (wait func() error) {
	if b.profileDir == "" || server.admin == "" {
		return func() error { return nil }
	}
	base := "http://" + server.admin + "/debug/pprof/"
	path := filepath.Join(b.profileDir, fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " ", "-"), streams))
	done := make(chan error, 1)
	go func() { // ends with the profile
		done <- fetch(b.ctx, fmt.Sprintf("%sprofile?seconds=%d", base, max(1, int(b.plan.window.Seconds()))), path+".cpu")
	}()
	return func() error {
		return errors.Join(<-done, fetch(b.ctx, base+"heap", path+".heap"), fetch(b.ctx, base+"heap?debug=1", path+".memory.txt"),
			fetch(b.ctx, base+"goroutine?debug=1", path+".goroutines.txt"))
	}
}

// fetch downloads a URL to a file.
func fetch(ctx context.Context, url, path string) error {
	res, err := httpGet(ctx, url)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, res.Body)
	return errors.Join(err, file.Close())
}

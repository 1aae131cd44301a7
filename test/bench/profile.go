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

// startProfile has a server of ours profile itself for as long as the window is. The
// returned function waits for that and takes a profile of its heap, too.
func (b *bench) startProfile(name string, streams int, server *process) (wait func() error) {
	if b.profile == "" || server.admin == "" {
		return func() error { return nil }
	}
	base := "http://" + server.admin + "/debug/pprof/"
	path := filepath.Join(b.profile, fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " ", "-"), streams))
	done := make(chan error, 1)
	go func() { // ends with the profile
		done <- fetch(b.ctx, fmt.Sprintf("%sprofile?seconds=%d", base, max(1, int(b.plan.window.Seconds()))), path+".cpu")
	}()
	return func() error {
		return errors.Join(<-done, fetch(b.ctx, base+"heap", path+".heap"), fetch(b.ctx, base+"heap?debug=1", path+".memory.txt"),
			fetch(b.ctx, base+"goroutine?debug=1", path+".goroutines.txt"))
	}
}

// fetch writes what is served at a URL to a file.
func fetch(ctx context.Context, url, path string) error {
	res, err := open(ctx, url)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it is only read
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, res.Body)
	return errors.Join(err, file.Close())
}

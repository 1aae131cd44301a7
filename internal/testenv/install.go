package testenv

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"
)

// installOnce returns the cache folder of an installation, after install has filled the
// folder. key determines the contents: the same key is installed once. Processes with the
// same key wait for each other.
func installOnce(t testing.TB, prefix string, key []byte, install func(folder string)) (folder string) {
	t.Helper()
	hash := fnv.New64a()
	_, _ = hash.Write(key) // never fails
	folder, err := cacheFolder(fmt.Sprintf("%s-%x", prefix, hash.Sum64()))
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := lockFile(filepath.Join(folder, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	done := filepath.Join(folder, "installed")
	if _, err := os.Stat(done); err == nil {
		return folder
	}
	install(folder)
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

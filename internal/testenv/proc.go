package testenv

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// Memory returns the resident memory of the process in bytes, and the peak since the last
// ResetPeak.
func (p *Program) Memory(t testing.TB) (now, peak int64) {
	t.Helper()
	status, err := os.ReadFile(p.procFile("status"))
	if err != nil {
		t.Fatal(err)
	}
	field := func(name string) int64 {
		match := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		if match == nil {
			t.Fatalf("no %s in %s", name, status)
		}
		kilobytes, err := strconv.ParseInt(string(match[1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return kilobytes << 10
	}
	return field("VmRSS"), field("VmHWM")
}

// ResetPeak sets the peak of the resident memory to the present size.
func (p *Program) ResetPeak(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(p.procFile("clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

// Descriptors returns the number of open file descriptors of the process.
func (p *Program) Descriptors(t testing.TB) int {
	t.Helper()
	files, err := os.ReadDir(p.procFile("fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func (p *Program) procFile(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.Cmd.Process.Pid, name)
}

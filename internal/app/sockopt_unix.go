//go:build unix

package app

import "syscall"

// socket is what the system calls of this system take for one.
type socket = int

// maxDescriptors is how many files and connections the process may have open. It is not
// ok if that cannot be told.
func maxDescriptors() (n uint64, ok bool) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return limit.Cur, err == nil
}

//go:build unix

package app

import "syscall"

// socket is the type of a socket descriptor in package syscall.
type socket = int

// maxDescriptors returns the process's limit of file descriptors, if known.
func maxDescriptors() (n uint64, ok bool) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return limit.Cur, err == nil
}

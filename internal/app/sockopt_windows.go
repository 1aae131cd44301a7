package app

import "syscall"

// socket is the type of a socket descriptor in package syscall.
type socket = syscall.Handle

// maxDescriptors reports that the limit is not known.
func maxDescriptors() (n uint64, ok bool) { return 0, false }

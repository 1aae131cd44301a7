package app

import "syscall"

// socket is what the system calls of this system take for one.
type socket = syscall.Handle

// maxDescriptors is how many files and connections the process may have open. It is not
// ok if that cannot be told, as here.
func maxDescriptors() (n uint64, ok bool) { return 0, false }

package main

import "syscall"

// socket is what the system calls of this system take for one.
type socket = syscall.Handle

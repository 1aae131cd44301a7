//go:build unix

package main

// socket is what the system calls of this system take for one.
type socket = int

// Package testenv prepares the environment of tests: the built program as a process, a
// redis-server, packages from npm, an in-memory listener, and Eventually. Only tests and
// benchmarks import it. It never touches a process that it did not start.
//
// Whatever starts a process skips its test under "go test -short".
package testenv

// Package testenv prepares the environment of tests: the built program as a process, a
// redis-server, packages from npm, PyPI and Maven, an in-memory listener, and Eventually.
// Only tests and benchmarks import testenv. The package signals only processes of its own.
//
// Functions that start processes skip the test under "go test -short".
package testenv

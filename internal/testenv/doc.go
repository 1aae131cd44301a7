// Package testenv gives tests their surroundings: the built program as a process, a
// redis-server, npm packages, and Eventually. Only tests and benchmarks import it; it
// never touches a process that it did not start.
package testenv

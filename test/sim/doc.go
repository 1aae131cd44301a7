// Package sim plays arrival patterns through the typewriter and through other
// ways of smoothing a stream, on a virtual clock, and prints what each does to
// the text. It holds tests only; docs/pacing.md holds their result.
//
// "go test ./test/sim -run TestSimulation -v" prints the tables, and with
// -update writes them into the document.
package sim

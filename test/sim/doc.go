// Package sim compares algorithms for smoothing a stream: ours and those of other projects.
// Arrival patterns are played through each algorithm on a virtual clock, and the timing of
// the output is measured. The package contains only tests; the results are in
// docs/pacing.md.
//
// "go test ./test/sim -v" prints the tables; -update also writes them into the document,
// and draws docs/img/pacing.svg.
package sim

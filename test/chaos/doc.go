// Package chaos tests replicas of the program over a shared Redis. The tests inject faults
// while readers follow answers by the rules of a browser's EventSource, and check that
// every answer arrives whole and exactly once.
package chaos

// Package chaos tests replicas of the program that share a Redis: it injects faults while
// readers follow answers by the rules of a browser's EventSource, and checks that every
// answer arrives whole and exactly once.
package chaos

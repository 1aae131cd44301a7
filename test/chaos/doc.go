// Package chaos runs three replicas of the program over a Redis, breaks them and Redis
// while readers follow answers, and checks that every answer arrives whole and exactly
// once. Readers follow the rules of a browser's EventSource.
package chaos

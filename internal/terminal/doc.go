// Package terminal asks a chat from the terminal: the answer is typed there as it comes.
// It knows a server by its address alone, and never paces: what comes is written at once.
package terminal

// Package terminal implements the chat command: it sends a message to a server over HTTP
// and writes the answer to the terminal. The server does the pacing; the client writes
// each event immediately.
package terminal

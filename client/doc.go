// Package client asks a chat from the terminal: the answer is typed there as it comes.
package client

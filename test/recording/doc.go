// Package recording makes docs/img/terminal.svg: the terminal's client as it asks the
// stand-in through the server, drawn as an animation. All of it runs in virtual time, so
// that it comes out the same each time. It has nothing but tests, and never opens a socket.
package recording

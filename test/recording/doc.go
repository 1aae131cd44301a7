// Package recording draws docs/img/terminal.svg, an animation of the terminal client with a
// server in front of the stand-in. Everything runs in virtual time and without sockets, so
// the picture is reproducible. The package contains only tests.
package recording

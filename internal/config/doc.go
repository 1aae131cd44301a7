// Package config reads the command line. The server's settings come from flags,
// TYPEWRITER_* environment variables and a YAML file, in this order of precedence. It
// checks each value by itself, never opens or reaches what one names, and decides nothing.
package config

//go:generate go test -run TestDocument$ -update .

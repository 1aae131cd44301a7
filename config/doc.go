// Package config reads the server's configuration: flags, TYPEWRITER_* environment
// variables, and a YAML file, in this order of precedence. It checks each value by
// itself and decides nothing.
package config

//go:generate go test -run TestDocument$ -update .

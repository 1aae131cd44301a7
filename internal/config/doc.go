// Package config parses the command line. The server's settings come from flags,
// TYPEWRITER_* environment variables and a YAML file, in this order of precedence. The
// package validates values only; connecting to configured addresses is up to the caller.
package config

//go:generate go test -run TestDocument$ -update .

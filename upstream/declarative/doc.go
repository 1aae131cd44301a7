// Package declarative makes wire formats from descriptions: a [Description] names the paths of
// a service's requests, and where the events of the replies have their texts, their end and
// their errors. The formats of users are described in the configuration file; the built-in ones
// in the directory formats.
package declarative

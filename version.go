package main

import "runtime/debug"

// version is set by the linker in what "make dist" and the Dockerfile build.
var version string

// currentVersion is the version of this binary: the linker's, or else what go knows of
// the commit that it was built from.
func currentVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

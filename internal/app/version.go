package app

import "runtime/debug"

// version is set by the linker in what "make dist" and the Dockerfile build.
var version string

// Version is the version of this binary: the linker's, or else what go knows of
// the commit that it was built from.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

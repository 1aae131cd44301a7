package app

import "runtime/debug"

// version is set by the linker in builds of "make dist" and the Dockerfile.
var version string

// Version returns the version of this binary: the version set by the linker, else the
// module version that Go derives from the commit, else "unknown".
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

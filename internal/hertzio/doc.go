// Package hertzio adapts Hertz to long-lived streams over untrusted connections. The
// package limits connections and their deadlines, notices disconnects, writes responses without
// Hertz's buffer, and bounds how slowly a request may arrive. Each workaround has a test
// in hertz_test.go of the Hertz behaviour behind it.
package hertzio

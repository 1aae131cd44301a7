// Package web holds the pages for people and serves them: embedded files, as they
// stand in the folder static. It knows none of our other packages.
package web

// Package web holds the pages for people and serves them: embedded files, as they
// stand in the folder static. It never makes a page of what somebody said, and knows none
// of our other packages.
package web

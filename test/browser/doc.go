// Package browser opens the pages in a real browser, against the real program. It has
// nothing but tests.
package browser

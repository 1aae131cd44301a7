// Package web serves the pages: the embedded files of the directory static, unchanged. No
// part of a page is generated from user input.
package web

package web

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/route"
)

//go:embed static
var static embed.FS

// filesPath is where the files are found that pages are made of.
const filesPath = "/web/"

// pages are the files that have a path of their own.
var pages = map[string]string{
	"index.html":    "/",
	"progress.html": "/progress",
}

// policy is what a page may do: nothing but ask this server, run the scripts that lie
// there, and build its elements one by one. A string never becomes HTML or a script
// (Trusted Types), and no other site may show a page in a frame.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// file is a response that is always the same.
type file struct {
	body []byte
	etag string
	kind string // its media type
}

// Register adds the pages to an engine, and what they are made of.
func Register(r *route.Engine) {
	for at, f := range files() {
		r.GET(at, f.serve)
		r.HEAD(at, f.serve)
	}
}

// files returns the embedded files by the path at which they are served.
func files() map[string]file {
	out := make(map[string]file)
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "static/")
		at, ok := pages[name]
		if !ok {
			at = filesPath + name
		}
		sum := sha256.Sum256(body)
		out[at] = file{body, strconv.Quote(hex.EncodeToString(sum[:])), mediaTypes[path.Ext(name)]}
		return nil
	})
	if err != nil {
		panic(err) // they are part of the program
	}
	return out
}

// mediaTypes are not left to the machine's own tables, which know other names.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// serve answers GET and HEAD. A browser asks each time whether a file has changed:
// files of two versions never meet in one page.
func (f file) serve(_ context.Context, c *app.RequestContext) {
	header := &c.Response.Header
	header.Set("ETag", f.etag)
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Security-Policy", policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	if f.isKnown(c.Request.Header.Get("If-None-Match")) {
		c.SetStatusCode(http.StatusNotModified)
		return
	}
	header.SetContentType(f.kind)
	c.Response.SetBodyRaw(f.body)
}

// isKnown reports whether an If-None-Match names the file (RFC 9110, section 13.1.2).
func (f file) isKnown(noneMatch string) bool {
	for tag := range strings.SplitSeq(noneMatch, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == f.etag {
			return true
		}
	}
	return false
}

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

// filesPath is the path of scripts, styles and images.
const filesPath = "/web/"

// pages maps the file of each page to its path.
var pages = map[string]string{
	"index.html":    "/",
	"progress.html": "/progress",
}

// policy is the Content-Security-Policy of the pages: requests and scripts only from this
// server, no HTML or scripts from strings (Trusted Types), and no framing by other sites.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// file is a static response.
type file struct {
	body []byte
	etag string
	kind string // media type
}

// Register adds routes for the pages and their files to r.
func Register(r *route.Engine) {
	for at, f := range files() {
		r.GET(at, f.serve)
		r.HEAD(at, f.serve)
	}
}

// files returns the embedded files by request path.
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
		panic(err) // impossible for embedded files
	}
	return out
}

// mediaTypes maps file extensions to media types, independent of the system's tables.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",

	".woff2": "font/woff2",
}

// serve answers GET and HEAD. Browsers revalidate each file, so that a page never combines
// files of two versions.
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

// isKnown reports whether an If-None-Match header matches the file (RFC 9110, section
// 13.1.2).
func (f file) isKnown(noneMatch string) bool {
	for tag := range strings.SplitSeq(noneMatch, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == f.etag {
			return true
		}
	}
	return false
}

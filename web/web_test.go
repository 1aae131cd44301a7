package web

import (
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/ut"
	"github.com/cloudwego/hertz/pkg/protocol"
)

// ask sends a request to an engine with the pages only.
func ask(method, path string, headers ...ut.Header) *protocol.Response {
	engine := server.New()
	Register(engine.Engine)
	return ut.PerformRequest(engine.Engine, method, path, nil, headers...).Result()
}

func TestServed(t *testing.T) {
	for path, kind := range map[string]string{
		"/":                    "text/html; charset=utf-8",
		"/progress":            "text/html; charset=utf-8",
		"/web/style.css":       "text/css; charset=utf-8",
		"/web/chat.js":         "text/javascript; charset=utf-8",
		"/web/favicon.svg":     "image/svg+xml",
		"/web/icons/send.svg":  "image/svg+xml",
		"/web/index.html":      "",
		"/web/":                "",
		"/web/../web.go":       "",
		"/static/index.html":   "",
		"/web/icons/none.svg":  "",
		"/web/%2e%2e/index.js": "",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			res := ask(method, path)
			if kind == "" {
				if res.StatusCode() != http.StatusNotFound {
					t.Errorf("%s %s: status %d", method, path, res.StatusCode())
				}
				continue
			}
			if res.StatusCode() != http.StatusOK || string(res.Header.ContentType()) != kind || len(res.Body()) == 0 {
				t.Errorf("%s %s: got %d %s, %d bytes", method, path, res.StatusCode(), res.Header.ContentType(), len(res.Body()))
			}
			for name, want := range map[string]string{
				"Cache-Control":          "no-cache",
				"Referrer-Policy":        "no-referrer",
				"X-Content-Type-Options": "nosniff",
				"X-Frame-Options":        "DENY",
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s %s: %s is %q, want %q", method, path, name, got, want)
				}
			}
			for _, part := range []string{"default-src 'self';", "frame-ancestors 'none';", "base-uri 'none';", "require-trusted-types-for 'script';", "trusted-types 'none'"} {
				if got := res.Header.Get("Content-Security-Policy"); !strings.Contains(got, part) || strings.Contains(got, "unsafe") {
					t.Errorf("%s %s: policy is %q, want %s", method, path, got, part)
				}
			}
		}
	}
}

func TestETag(t *testing.T) {
	tag := ask(http.MethodGet, "/").Header.Get("ETag")
	if other := ask(http.MethodGet, "/progress").Header.Get("ETag"); !regexp.MustCompile(`^"[0-9a-f]{64}"$`).MatchString(tag) || other == tag {
		t.Fatalf("tags are %s and %s", tag, other)
	}
	for _, test := range []struct {
		noneMatch string
		status    int
	}{
		{tag, 304},
		{"W/" + tag, 304},
		{`"a", ` + tag + `,"b"`, 304},
		{"*", 304},
		{`"a"`, 200},
		{strings.Trim(tag, `"`), 200},
		{"", 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			res := ask(method, "/", ut.Header{Key: "If-None-Match", Value: test.noneMatch})
			if res.StatusCode() != test.status || (len(res.Body()) == 0) != (test.status == 304) {
				t.Errorf("%s with %s: got %d with %d bytes, want %d", method, test.noneMatch, res.StatusCode(), len(res.Body()), test.status)
			}
			if res.Header.Get("ETag") != tag || res.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s with %s: headers %v", method, test.noneMatch, string(res.Header.Header()))
			}
		}
	}
}

// All references resolve to embedded files, all files are used, and nothing is inline.
func TestFilesAreComplete(t *testing.T) {
	all := files()
	references := map[string]*regexp.Regexp{
		".html": regexp.MustCompile(`(?:src|href)="([^"]*)"`),
		".css":  regexp.MustCompile(`url\(([^)]*)\)`),
		".js":   regexp.MustCompile(`(?:from |import\(|href: )"([^"]*)"`),
	}
	inline := regexp.MustCompile(`(?i)<script(?: type="module")?>|<style|\son\w+=|\sstyle=`)
	const vendor = filesPath + "vendor/" // bundles are not searched, and their licenses only read by people
	used := map[string]bool{"/": true, "/progress": true, vendor + "LICENSES.txt": true}
	for at, f := range all {
		ending := map[string]string{"text/html": ".html", "text/css": ".css", "text/javascript": ".js"}[strings.Split(f.kind, ";")[0]]
		if f.kind == "" {
			t.Errorf("%s has no type", at)
		}
		if ending == ".html" && inline.Match(f.body) {
			t.Errorf("%s has something inline: %s", at, inline.Find(f.body))
		}
		if ending == "" || ending == ".js" && strings.HasPrefix(at, vendor) {
			continue
		}
		for _, m := range references[ending].FindAllStringSubmatch(string(f.body), -1) {
			to := m[1]
			if !strings.HasPrefix(to, "/") {
				to = path.Join(path.Dir(at), to)
			}
			used[to] = true
			if _, ok := all[to]; !ok {
				t.Errorf("%s refers to %s", at, m[1])
			}
		}
	}
	for at := range all {
		if !used[at] {
			t.Errorf("%s is not used", at)
		}
	}
}

// All texts used in pages exist in both languages.
func TestWords(t *testing.T) {
	all := files()
	words := string(all["/web/i18n.js"].body)
	english, chinese, _ := strings.Cut(words, "const chinese")
	named := regexp.MustCompile(`data-(?:text|label|title|placeholder)="(\w+)"|\bsay\("(\w+)"`)
	for at, f := range all {
		for _, m := range named.FindAllStringSubmatch(string(f.body), -1) {
			key := regexp.MustCompile(`\b` + m[1] + m[2] + `: "`)
			if !key.MatchString(english) || !key.MatchString(chinese) {
				t.Errorf("%s: no text for %s%s", at, m[1], m[2])
			}
		}
	}
	entry := regexp.MustCompile(`(\w+): "`)
	count := func(s string) int { return len(entry.FindAllString(s, -1)) }
	if count(english) != count(chinese) || count(english) < 50 {
		t.Errorf("%d texts in English, %d in Chinese", count(english), count(chinese))
	}
}

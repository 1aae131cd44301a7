package markdown

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

const rel = ` rel="noopener noreferrer nofollow" target="_blank"`

func convert(t *testing.T, source string) string {
	t.Helper()
	out, err := HTML([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestHTML(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"paragraphs", "a\n\nb", `<p data-line="0">a</p>` + "\n" + `<p data-line="2">b</p>`},
		{"newline", "床前\n明月", `<p data-line="0">床前<br>` + "\n明月</p>"},
		{"lists begin at their first item", "# a\n\n- b\n- c", `<h1 data-line="0">a</h1>` + "\n" + `<ul data-line="2">` + "\n<li>b</li>\n<li>c</li>\n</ul>"},
		{"code is as it was", "```go\n<b>&\n```", "<pre><code class=\"language-go\">&lt;b&gt;&amp;\n</code></pre>"},
		{"table has no style", "|a|b|\n|:-:|--|\n|1|2|", "<table data-line=\"0\">\n<thead>\n<tr>\n<th align=\"center\">a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"center\">1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>"},
		{"deleted", "~~a~~", `<p data-line="0"><del>a</del></p>`},

		{"block of HTML", "<script>alert(1)</script>", `<p data-line="0">&lt;script&gt;alert(1)&lt;/script&gt;</p>`},
		{"HTML in a line", "a <img src=x onerror=alert(1)> b", `<p data-line="0">a &lt;img src=x onerror=alert(1)&gt; b</p>`},
		{"comment", "<!-- a -->", `<p data-line="0">&lt;!-- a --&gt;</p>`},

		{"link", `[a](https://example.com/?b=1&c "t")`, `<p data-line="0"><a href="https://example.com/?b=1&amp;c" title="t"` + rel + `>a</a></p>`},
		{"reference", "[a]\n\n[a]: HTTP://example.com", `<p data-line="0"><a href="HTTP://example.com"` + rel + `>a</a></p>`},
		{"fragment", "[a](#b)", `<p data-line="0"><a href="#b"` + rel + `>a</a></p>`},
		{"mail", "<a@example.com>", `<p data-line="0"><a href="mailto:a@example.com"` + rel + `>a@example.com</a></p>`},
		{"bare link", "https://example.com/a.", `<p data-line="0"><a href="https://example.com/a"` + rel + `>https://example.com/a</a>.</p>`},
		{"bare www", "www.example.com", `<p data-line="0"><a href="http://www.example.com"` + rel + `>www.example.com</a></p>`},

		{"image", "![a *b*](https://example.com/i.png)", `<p data-line="0">a <em>b</em></p>`},
		{"image with plain text", "![a](https://example.com/i.png)", `<p data-line="0"><a href="https://example.com/i.png"` + rel + `>a</a></p>`},
		{"image without text", "![](https://example.com/i.png)", `<p data-line="0"><a href="https://example.com/i.png"` + rel + `>https://example.com/i.png</a></p>`},
		{"image in a link", "[![a](https://example.com/i)](https://example.com)", `<p data-line="0"><a href="https://example.com"` + rel + `>a</a></p>`},
		{"image of data", "![a](data:image/png;base64,AAAA)", `<p data-line="0">a</p>`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.TrimSpace(convert(t, test.source)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// Only harmless links remain, in any spelling.
func TestUnsafeLinks(t *testing.T) {
	for _, destination := range []string{
		"javascript:alert(1)", "javascript://e.com/%0aalert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "javascript&colon;alert(1)", "javascript&#58;alert(1)",
		"java&Tab;script:alert(1)", "java&NewLine;script:alert(1)", "&#x6A;avascript:alert(1)", `java\script:alert(1)`, "&#1;javascript:alert(1)",
		"javascript&amp;colon;alert(1)", "javascript%3Aalert(1)", "vbscript:x", "VBSCRIPT:x", "data:text/html,<script>alert(1)</script>",
		"data:image/png;base64,AAAA", "data:image/svg+xml,a", "file:///etc/passwd", "blob:x", "about:blank", "ftp://example.com", "//example.com",
		"/v3/chat?message=x", "?message=x", "x", "", "https:", "https:///x", "http://[", "view-source:https://example.com", "feed:javascript:alert(1)",
	} {
		for _, source := range []string{
			"[a](<" + destination + ">)", "[a](" + destination + ")", "![a](<" + destination + ">)",
			"[a][b]\n\n[b]: <" + destination + ">", "<" + destination + ">", destination,
		} {
			if got := convert(t, source); strings.Contains(got, "<a") || strings.Contains(got, "<img") {
				t.Errorf("%q became %s", source, got)
			}
		}
	}
}

// allowed matches the possible HTML.
var allowed = regexp.MustCompile(`^(</?(p|h[1-6]|ul|ol|li|blockquote|pre|code|em|strong|del|hr|br|table|thead|tbody|tr|th|td|a)` +
	`( (data-line="\d+"|class="language-[^"<>]*"|align="(left|right|center)"|start="\d+"|href="((?i:https?://|mailto:)|#)[^"<>]*"|title="[^"<>]*"|rel="noopener noreferrer nofollow"|target="_blank"))*>|[^<>])*$`)

func FuzzHTML(f *testing.F) {
	for _, seed := range []string{
		"# a\n\n- b\n  1. c\n\n> d\n\n```\ne\n```\n\n|f|\n|-|\n|g|\n", "[a](javascript:x \"<b>\")", "<https://example.com/\"onclick=alert(1)>",
		"![[a](https://b)](https://c)", "[a ![b](x) c](https://d)", "<a@b.c>", "```\"><script>\n", "&lt;script&gt;", "\x00\xff", "**a", "[^1]\n\n[^1]: b", "<HTTP://a.b>", "<MailTo:a@b.c>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		if got, err := HTML(source); err == nil && !allowed.Match(got) {
			t.Errorf("%q became %s", source, got)
		}
	})
}

// Texts with quadratic parsing time are rejected.
func TestBounds(t *testing.T) {
	paragraph := strings.Repeat("a", 1000) + "\n\n"
	for _, test := range []struct {
		name, source string
		want         error
	}{
		{"many paragraphs", strings.Repeat(paragraph, MaxBytes/len(paragraph)), nil},
		{"more", strings.Repeat(paragraph, MaxBytes/len(paragraph)+1), ErrTooLong},
		{"long paragraph", strings.Repeat("a", maxStretch), nil},
		{"too long", strings.Repeat("a", maxStretch+1), ErrTooLong},
		{"many lines", strings.Repeat("aaaaaaa\n", maxStretch/8+1), ErrTooLong},
		{"blank line with spaces", strings.Repeat("a", maxStretch-1) + "\n \t\r\n" + strings.Repeat("a", maxStretch), nil},
	} {
		if _, err := HTML([]byte(test.source)); !errors.Is(err, test.want) {
			t.Errorf("%s: got error %v, want %v", test.name, err, test.want)
		}
	}
}

// The HTML of a short text cannot grow with the square of its length, however few bytes
// an empty cell, a repeated reference or a link takes in the source.
func TestOutputBounds(t *testing.T) {
	table := func(columns, rows int) string {
		return strings.Repeat("|a", columns) + "|\n" + strings.Repeat("|-", columns) + "|\n" + strings.Repeat("b\n", rows)
	}
	references := func(address, times int) string {
		return "[a]: #" + strings.Repeat("b", address-1) + "\n\n" + strings.Repeat("[a]\n\n", times)
	}
	for _, test := range []struct {
		name, source string
		want         error
	}{
		{"wide table of short rows", table(101, 100), nil},
		{"wider table", table(102, 100), errCells},
		{"14 KB of cells", table(2300, 2300), errCells},
		{"several tables", strings.Repeat(table(60, 100)+"\n", 2), errCells},
		{"table in a quotation", "> " + strings.ReplaceAll(table(300, 100), "\n", "\n> "), errCells},
		{"honest table", "|a|b|c|\n|-|-|-|\n" + strings.Repeat("|1|2|3|\n", 2000), nil},
		{"table without outer marks", "a|b|c\n-|-|-\n" + strings.Repeat("1|2|3\n", 2000), nil},
		{"lines are no cells", strings.Repeat("a || b || c\n", 1300), nil},
		{"repeated references", references(1000, 100), nil},
		{"one more", references(1000, 101), errReferences},
		{"repeated images", "[a]: #" + strings.Repeat("b", 1000) + "\n\n" + strings.Repeat("![a]\n\n", 101), errReferences},
		{"references with a title", "[a]: # \"" + strings.Repeat("b", 1000) + "\"\n\n" + strings.Repeat("[a]\n\n", 101), errReferences},
		{"links that are not references", strings.Repeat("[a](#"+strings.Repeat("b", 1000)+")\n\n", 128), nil},
		{"links of four bytes", "[a]: #\n\n" + strings.Repeat(strings.Repeat("[a] ", 1000)+"\n\n", 32), errOutput},
	} {
		t.Run(test.name, func(t *testing.T) {
			if len(test.source) > MaxBytes {
				t.Fatalf("the source has %d bytes", len(test.source))
			}
			html, err := HTML([]byte(test.source))
			if err != test.want { //nolint:errorlint // which of the bounds it is
				t.Errorf("%d bytes became %d: got error %v, want %v", len(test.source), len(html), err, test.want)
			}
			if err != nil && !errors.Is(err, ErrTooLong) {
				t.Errorf("%v is no ErrTooLong", err)
			}
		})
	}
}

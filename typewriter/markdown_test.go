package typewriter

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// markdownUnits returns the units of a text that arrives in the given parts.
func markdownUnits(t testing.TB, parts ...string) []string {
	t.Helper()
	pace := fixed(t)
	pace.Markdown = true
	s := segmenterOf(pace)
	for _, part := range parts {
		s.add("a", part, 0)
	}
	s.close()
	text := strings.Join(parts, "")
	var all []string
	for _, u := range drain(s) {
		all = append(all, text[:u.size])
		text = text[u.size:]
	}
	return all
}

// The units of a text in words are separated by bars, and characters of their own are not.
func TestMarkdown(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // the units of more than a character
	}{
		{"plain", `Nothing here.`, nil},
		{"strong", `a **bold** b`, []string{"**b", "d**"}},
		{"emphasis", `a *it* b _it_ c`, []string{"*i", "t*", "_i", "t_"}},
		{"a single letter", `a *i* b`, []string{"*i*"}},
		{"strong emphasis", `a ***it*** b`, []string{"***i", "t***"}},
		{"nested", `**a *b c* d**`, []string{"**a", "*b", "c*", "d**"}},
		{"nested at the beginning", "**`ab`** c", []string{"**`a", "b`**"}},
		{"strikethrough", `~~ab~~`, []string{"~~a", "b~~"}},
		{"Chinese", `是**加粗**的`, []string{"**加", "粗**"}},
		{"inline code", "a `b*c*d` e", []string{"`b", "d`"}},
		{"inline code of two", "a ``b`c`` e", []string{"``b", "c``"}},
		{"multiplication", `2 * 3 * 4`, []string{"* ", "* "}},
		{"multiplication without spaces", `2*3=6`, []string{"*3"}},
		{"names", `a snake_case_name b`, nil},
		{"list", `* item\n* **b** c`, []string{"* ", "* ", "**b**"}},
		{"heading", `## Title`, []string{"## T"}},
		{"hash in text", `C# is`, nil},
		{"link", `see [the text](https://a.example/x?y=z) now`, []string{"](https://a.example/x?y=z)"}},
		{"link with brackets", `[a](b(c)d) e`, []string{"](b(c)d)"}},
		{"reference", `[text][1] e`, []string{"][1]"}},
		{"image", `![alt text](https://a.example/i.png "t") e`, []string{`![alt text](https://a.example/i.png "t")`}},
		{"exclamation", `No! Yes!`, nil},
		{"array index", `a[i] = 3`, nil},
		{"citation", `so [1] and [2,3].`, []string{"[1]", "[2,3]"}},
		{"footnote", `so[^1].`, []string{"[^1]"}},
		{"citation of OpenAI", `so【4†source】.`, []string{"【4†source】"}},
		{"entity", `a &amp; b &#39; c`, []string{"&amp;", "&#39;"}},
		{"ampersand", `R&D & more`, nil},
		{"table", `| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\nend`, []string{`| a | b |\n|---|---|\n`, `| 1 | 2 |\n`, `| 3 | 4 |\n`}},
		{"bar in text", `a | b`, nil},
		{"a row without separator", `| a\nb`, []string{`| a\n`}},
		{"fence", "a\\n```go\\nx := 1\\n```\\nb", []string{"```go\\n", "x ", ":= ", "1\\n", "```\\n"}},
		{"fence of tildes", `~~~\n` + "a`b c\\n~~~\\n*d*", []string{`~~~\n`, "a`b ", `c\n`, `~~~\n`, "*d*"}},
		{"fence of four", "````\\n```\\n````\\n", []string{"````\\n", "```\\n", "````\\n"}},
		{"indented code", "```\\n  if a {\\n```\\n", []string{"```\\n", "  if ", "a ", `{\n`, "```\\n"}},
		{"code in a line", "```ab``` c", []string{"```ab```"}},
		{"inline formula", `so $e^{x}$ is`, []string{`$e^{x}$`}},
		{"currency", `from $5 to $10, or $ 3`, nil},
		{"display formula", `$$\nx = 1\n$$ b`, []string{`$$\nx = 1\n$$`}},
		{"TeX", `so \\(a + b\\) and \\[c\\] d`, []string{`\\(a + b\\)`, `\\[c\\]`}},
		{"escaped marks", `a \\*b\\* c`, []string{`\\*`, `\\*`}},
		{"unbalanced", `**a b`, []string{"**a"}},
		{"unclosed link", `[a](b c\nd`, nil},
		{"unclosed formula", `$x\ny`, nil},
		{"unclosed emphasis ends with the paragraph", "*a b\\n\\nc* d", []string{"*a", "* "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			units := markdownUnits(t, test.text)
			if got := strings.Join(units, ""); got != test.text {
				t.Errorf("got the text %s", got)
			}
			var long []string
			for _, u := range units {
				if len([]rune(u)) > 1 && u != `\n` && u != `\\` {
					long = append(long, u)
				}
			}
			if strings.Join(long, "|") != strings.Join(test.want, "|") {
				t.Errorf("got  %q\nwant %q", long, test.want)
			}
			// However the text is cut, the units are the same as long as nothing is written.
			var parts []string
			for _, r := range strings.ReplaceAll(strings.ReplaceAll(test.text, `\n`, "\n"), `\\`, "\\") {
				parts = append(parts, map[rune]string{'\n': `\n`, '\\': `\\`}[r])
				if parts[len(parts)-1] == "" {
					parts[len(parts)-1] = string(r)
				}
			}
			if cut := markdownUnits(t, parts...); strings.Join(cut, "|") != strings.Join(units, "|") {
				t.Errorf("one by one %q\nas a whole %q", cut, units)
			}
		})
	}
}

// A construct waits for its end, and no longer than the hold time and the deadline.
func TestMarkdownWaits(t *testing.T) {
	pace := fixed(t)
	pace.Markdown = true
	short := pace
	short.MaxLag = ms(300)
	tests := []struct {
		name    string
		pace    Pace
		pattern []arrival
		want    string // the texts and their times
	}{
		{"marker", pace, []arrival{{0, text("**")}, {ms(200), text("bo")}}, "200ms **b, 300ms o"},
		{"half a closing marker", pace, []arrival{{0, text("**b*")}, {ms(200), text("* ")}}, "0s **b, 200ms **, 300ms  "},
		{"link", pace, []arrival{{0, text("[a](b")}, {ms(500), text("c) d")}}, "0s [, 100ms a, 500ms ](bc), 600ms  , 700ms d"},
		{"hold time", pace, []arrival{{0, text("|a")}, {ms(2000), text("b")}}, "1s |, 1.1s a, 2s b"},
		{"deadline", short, []arrival{{0, text("|a")}, {ms(200), text("|b")}, {ms(2000), text("c")}}, "300ms |a|, 333.333ms b, 2.2s c"},
		{"exclamation", pace, []arrival{{0, text("a")}, {ms(500), text("!")}, {ms(2000), text("b")}}, "0s a, 600ms !, 2.5s b"},
		{"another event", pace, []arrival{{0, text("**")}, {ms(50), other("x")}}, "50ms *, 300ms *"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, s := range play(t, test.pace, test.pattern).sent {
				if text, ok := s.text(content); ok {
					got = append(got, s.at.Round(time.Microsecond).String()+" "+text)
				}
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %s, want %s", strings.Join(got, ", "), test.want)
			}
		})
	}
}

// The units join to the text, and the natural time of the layout is that of the units.
func FuzzMarkdown(f *testing.F) {
	for _, text := range append(seeds(), "**a** [b](c) `d` ![e](f)\\n| g |\\n|--|\\n```h\\ni\\n```\\n$j$ &amp; \\\\(k\\\\)") {
		f.Add(text, uint64(1))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		pace := fixed(t)
		pace.Markdown = true
		pace.Unit = []Unit{Grapheme, Word}[seed%2]
		s := segmenterOf(pace)
		var natural time.Duration
		fed, size := 0, 0
		pop := func() {
			u, _ := s.pop()
			if u.size == 0 {
				t.Fatalf("an empty unit in %q", text)
			}
			size += int(u.size)
		}
		for rest := text; rest != ""; {
			n := 1 + r.IntN(len(rest))
			added, _ := s.add("a", rest[:n], 0)
			natural += added
			fed += n
			rest = rest[n:]
			for s.len() > 0 && r.IntN(2) == 0 {
				pop()
			}
			if size > fed {
				t.Fatalf("%d bytes of %d in units of %q", size, fed, text)
			}
		}
		s.close()
		for s.len() > 0 {
			pop()
		}
		if size != len(text) {
			t.Errorf("units of %q have %d bytes, want %d", text, size, len(text))
		}
	})
}

// The cost of a construct that never ends is linear in its length: the state holds no text
// that is scanned again.
func TestMarkdownIsBounded(t *testing.T) {
	for _, begin := range []string{"[a](", "![a", "|", "$$", `\\(`, "```", "&", "【", "[1", "****"} {
		pace := fixed(t)
		pace.Markdown = true
		s := segmenterOf(pace)
		s.add("a", begin, 0)
		for range 10 * maxHeld {
			s.add("a", "b", 0)
			if len(s.marks.parts) > maxHeld {
				t.Fatalf("%q holds %d clusters", begin, len(s.marks.parts))
			}
		}
		if len(s.joined) > maxHeld {
			t.Errorf("%q cuts %d bytes again", begin, len(s.joined))
		}
	}
	pace := fixed(t)
	pace.Markdown = true
	s := segmenterOf(pace)
	s.add("a", strings.Repeat("*a ", 1000), 0)
	if len(s.marks.stack) > maxMarks {
		t.Errorf("%d open marks", len(s.marks.stack))
	}
}

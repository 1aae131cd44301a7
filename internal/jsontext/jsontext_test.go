package jsontext

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestUnescape(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", ``, ""},
		{"plain", `你好, world`, "你好, world"},
		{"short escapes", `\"\\\/\b\f\n\r\t`, "\"\\/\b\f\n\r\t"},
		{"between text", `a\nb\\nc`, "a\nb\\nc"},
		{"first plane", `\u0000\u0041\u4f60\u2028\uffff`, "\x00A你\u2028\uffff"},
		{"hexadecimal of both cases", `\uAbCd`, "\uabcd"},
		{"a pair", `\ud83d\ude00!`, "😀!"},
		{"a first half", `\ud83d`, "\xed\xa0\xbd"},
		{"a first half before text", `\ud83da`, "\xed\xa0\xbda"},
		{"a first half before an escape", `\ud83d\n`, "\xed\xa0\xbd\n"},
		{"two first halves and a second", `\ud83d\ud83d\ude00`, "\xed\xa0\xbd😀"},
		{"a second half", `\ude00\u0041`, "\xed\xb8\x80A"},
		{"halves the wrong way round", `\ude00\ud83d`, "\xed\xb8\x80\xed\xa0\xbd"},
		{"no UTF-8", "\xff\xe4\xbd", "\xff\xe4\xbd"},
		{"no JSON", `\x\u12\u12g4\`, `\x\u12\u12g4\`},
	} {
		for cut := range len(test.text) + 1 {
			if strings.Contains(test.text[max(0, cut-5):cut], `\`) {
				continue // within an escape, perhaps
			}
			got, high := Unescape(nil, test.text[:cut], 0)
			got, high = Unescape(got, test.text[cut:], high)
			if got = AppendSurrogate(got, high); string(got) != test.want {
				t.Errorf("%s, cut at %d: got %q, want %q", test.name, cut, got, test.want)
			}
		}
	}
}

func TestEscape(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", ``},
		{"plain", "你好 👨‍👩‍👧 <a&b> / \u007f", "你好 👨‍👩‍👧 <a&b> / \u007f"},
		{"must be escaped", "\"\\\n\r\t", `\"\\\n\r\t`},
		{"control characters", "\x00\x08\x0c\x1f", `\u0000\u0008\u000c\u001f`},
		{"separators", "\u0085\u2028\u2029", `\u0085\u2028\u2029`},
		{"neighbours", "\u0084\u0086\u2027\u202a\ud7ff\ue000\ufffd", "\u0084\u0086\u2027\u202a\ud7ff\ue000\ufffd"},
		{"halves of pairs", "\xed\xa0\xbda\xed\xb8\x80", `\ud83da\ude00`},
		{"no UTF-8", "\xff\xed\xa0\xe4\xbd", "\xff\xed\xa0\xe4\xbd"},
	} {
		if got := Escape([]byte(test.text)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// spell encodes text as the inside of a JSON string, with random escapes, and cuts it into
// pieces at random. A cut may split a surrogate pair.
func spell(rng *rand.Rand, text string) []string {
	pieces := []string{""}
	put := func(s string) {
		if rng.IntN(4) == 0 {
			pieces = append(pieces, "")
		}
		pieces[len(pieces)-1] += s
	}
	for _, r := range text {
		if short := Escape([]byte(string(r))); rng.IntN(3) > 0 {
			put(short)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			put(fmt.Sprintf(`\u%04X`, unit))
		}
	}
	return pieces
}

// checkDigest adds a text in pieces to a digest and asks for the rest of a longer one.
func checkDigest(t *testing.T, pieces []string, typed, whole string) {
	t.Helper()
	digest := &Digest{}
	for _, p := range pieces {
		digest.Add(p)
	}
	rest, ok := digest.Rest([]byte(whole))
	if want := strings.HasPrefix(whole, typed); ok != want {
		t.Fatalf("typed %q in %q of %q: got %t, want %t", typed, pieces, whole, ok, want)
	}
	if !ok {
		return
	}
	var got string
	if err := json.Unmarshal([]byte(`"`+strings.Join(pieces, "")+rest+`"`), &got); err != nil || got != whole {
		t.Errorf("typed %q: got %q with the rest %q (%v), want %q", pieces, got, rest, err, whole)
	}
}

// A digest, which keeps no text, finds the same rest as the text itself would.
func FuzzDigest(f *testing.F) {
	for _, text := range []string{"", "a", "你好，世界", "😀😃👨‍👩‍👧", "\"\\\n\x00\u2028", strings.Repeat("long 长 ", 100)} {
		for seed := range uint64(8) {
			f.Add(text, seed)
		}
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		if !utf8.ValidString(text) {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		runes := []rune(text)
		cut := rng.IntN(len(runes) + 1)
		typed := string(runes[:cut])
		pieces := spell(rng, typed)
		checkDigest(t, pieces, typed, text)
		checkDigest(t, pieces, typed, typed)
		checkDigest(t, pieces, typed, text+"x")
		checkDigest(t, pieces, typed, "x"+text)
		if other := []byte(text); len(other) > 0 {
			i := rng.IntN(len(other))
			if other[i] ^= 1; utf8.Valid(other) {
				checkDigest(t, pieces, typed, string(other))
			}
		}
		if cut < len(runes) && runes[cut] > 0xFFFF {
			checkHalf(t, pieces, runes, cut)
		}
	})
}

// checkHalf checks a digest that ends between the halves of a surrogate pair.
func checkHalf(t *testing.T, pieces []string, runes []rune, cut int) {
	t.Helper()
	high, low := utf16.EncodeRune(runes[cut])
	typed := append(append([]string{}, pieces...), fmt.Sprintf(`\u%04x`, high))
	checkDigest(t, typed, string(runes[:cut]), string(runes))
	half := &Digest{}
	for _, p := range typed {
		half.Add(p)
	}
	if rest, _ := half.Rest([]byte(string(runes))); !strings.HasPrefix(rest, fmt.Sprintf(`\u%04x`, low)) {
		t.Errorf("got the rest %q, want it to begin with the second half %x", rest, low)
	}
	for _, other := range []string{"", "x", string(runes[cut] ^ 0x400)} {
		if rest, ok := half.Rest([]byte(string(runes[:cut]) + other)); ok {
			t.Errorf("got the rest %q of a text that goes on with %q", rest, other)
		}
	}
	alone := AppendSurrogate([]byte(string(runes[:cut])), high)
	if rest, ok := half.Rest(append(alone, "x"...)); !ok || rest != "x" {
		t.Errorf("got the rest %q, %t where the half stands alone, want x", rest, ok)
	}
}

func TestScanRune(t *testing.T) {
	tests := []struct {
		text string
		r    rune
		size int
	}{
		{`a`, 'a', 1},
		{`é!`, 'é', 2},
		{`好!`, '好', 3},
		{`👩!`, '👩', 4},
		{`\n!`, '\n', 2},
		{`\r\n`, '\r', 2},
		{`\tx`, '\t', 2},
		{`\b`, '\b', 2},
		{`\f`, '\f', 2},
		{`\"x`, '"', 2},
		{`\\n`, '\\', 2},
		{`\/`, '/', 2},
		{`\u0041B`, 'A', 6},
		{`\u597D`, '好', 6},
		{`\u597d`, '好', 6},
		{`\ud83d\uDC69x`, '👩', 12},
		{`\ud83d`, '\uFFFD', 6},
		{`\ud83dx`, '\uFFFD', 6},
		{`\ud83d\ud83d`, '\uFFFD', 6},
		{`\ud83d\u0041`, '\uFFFD', 6},
		{`\ud83d\n`, '\uFFFD', 6},
		{`\ude00`, '\uFFFD', 6},
		{`\ude00\ud83d`, '\uFFFD', 6},
		{`\u12`, '\uFFFD', 1},
		{`\u12G4`, '\uFFFD', 1},
		{`\u1_23`, '\uFFFD', 1},
		{`\u+123`, '\uFFFD', 1},
		{`\x41`, '\uFFFD', 1},
		{`\`, '\uFFFD', 1},
		{"\xff", '\uFFFD', 1},
		{"\xe5\xa5", '\uFFFD', 1},
	}
	for _, test := range tests {
		if r, size := ScanRune(test.text); r != test.r || size != test.size {
			t.Errorf("%q: got %q, %d", test.text, r, size)
		}
	}
}

func TestEndsWithHighSurrogate(t *testing.T) {
	for text, want := range map[string]bool{
		"":             false,
		`a`:            false,
		`\ud83d`:       true,
		`\uD83D`:       true,
		`\ud800`:       true,
		`\udbff`:       true,
		`\udc00`:       false,
		`\ud7ff`:       false,
		`好\ud83d`:      true,
		`\ud83d\ude00`: false,
		`\ud83d\ud83d`: true,
		`\\ud83d`:      false, // a backslash and letters
		`\\\ud83d`:     true,
		`\\\\ud83d`:    false,
		`\ud83d `:      false,
		`xud83d`:       false,
		`\`:            false,
	} {
		if got := EndsWithHighSurrogate(text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}

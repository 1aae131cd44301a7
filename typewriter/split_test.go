package typewriter

import (
	"context"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// vector is a line of Unicode's test file: clusters of characters.
type vector struct {
	line     string
	clusters [][]rune
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	file, err := os.ReadFile("testdata/GraphemeBreakTest.txt")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	for line := range strings.Lines(string(file)) {
		data, _, _ := strings.Cut(line, "#")
		if data = strings.TrimSpace(data); data == "" {
			continue
		}
		v := vector{line: data}
		for cluster := range strings.SplitSeq(strings.Trim(data, "÷ "), "÷") {
			var chars []rune
			for hex := range strings.SplitSeq(cluster, "×") {
				n, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 32)
				if err != nil {
					t.Fatal(err)
				}
				chars = append(chars, rune(n))
			}
			v.clusters = append(v.clusters, chars)
		}
		vectors = append(vectors, v)
	}
	if len(vectors) != 766 {
		t.Fatalf("read %d vectors, want 766", len(vectors))
	}
	return vectors
}

// write returns the indivisible parts of the vector's text and its clusters, on request
// with all characters escaped.
func (v vector) write(escape bool) (parts, clusters []string) {
	for _, chars := range v.clusters {
		cluster := ""
		for _, char := range chars {
			tokens := []token{{raw: string(char)}}
			if escape {
				tokens = encode(char, true)
			}
			for _, t := range tokens {
				parts = append(parts, t.raw)
				cluster += t.raw
			}
		}
		clusters = append(clusters, cluster)
	}
	return parts, clusters
}

func TestSplitVectors(t *testing.T) {
	var s splitter
	for _, v := range readVectors(t) {
		for _, escape := range []bool{false, true} {
			parts, want := v.write(escape)
			text := strings.Join(parts, "")
			var got []string
			for i := 0; text != ""; i++ {
				c := s.first(text)
				got = append(got, text[:c.size])
				text = text[c.size:]
				if i < len(v.clusters) && c.char != onlyChar(v.clusters[i]) {
					t.Errorf("%s: cluster %d has character %q", v.line, i, c.char)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %q, want %q", v.line, got, want)
			}
		}
	}
}

// onlyChar returns the expected cluster.char of a cluster.
func onlyChar(chars []rune) rune {
	switch {
	case len(chars) == 1:
		return chars[0]
	case string(chars) == "\r\n":
		return '\n'
	default:
		return unknown
	}
}

// Clusters do not depend on the cuts between events.
func TestPlayVectorsInTwo(t *testing.T) {
	pauses, err := NewPauses(map[string]Class{Other: {Min: 10 * time.Millisecond, Max: 10 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	pace := Pace{Mode: Typewriter, Speed: 1, MinInterval: ms(8), Pauses: pauses}
	vectors := readVectors(t)
	synctest.Test(t, func(t *testing.T) {
		for _, v := range vectors {
			for _, escape := range []bool{false, true} {
				parts, want := v.write(escape)
				for cut := range parts {
					first, second := strings.Join(parts[:cut], ""), strings.Join(parts[cut:], "")
					if got := playEnded(t, pace, text(first), text(second)); !reflect.DeepEqual(got, want) {
						t.Errorf("%s: %q + %q is sent as %q", v.line, first, second, got)
					}
				}
				var all []Event
				for _, part := range parts {
					all = append(all, text(part), text(""))
				}
				if got := playEnded(t, pace, all...); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: one by one it is sent as %q", v.line, got)
				}
			}
		}
	})
}

// playEnded plays an ended log of events and returns the texts written.
func playEnded(t *testing.T, pace Pace, events ...Event) []string {
	t.Helper()
	log, r := NewLog(LogOptions{}), newRecorder(t)
	for _, e := range events {
		if err := log.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	log.End()
	if err := (&Player{Log: log, Pace: pace}).Play(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, s := range r.sent {
		sent, _ := s.text(content)
		texts = append(texts, sent)
	}
	return texts
}

// A cluster that may grow is held, in any encoding, and its parts are joined.
func TestPlayHolds(t *testing.T) {
	pace := fixed(t)
	pace.MaxLag = 0
	late := pace
	late.MaxLag = 30 * time.Millisecond
	tests := []struct {
		name    string
		pace    Pace
		pattern []arrival
		want    []string
	}{
		{"emoji before half of the next", pace, []arrival{{0, text("👩\u200d\\ud83d")}, {ms(50), text(`\udc67!`)}}, []string{
			`50 👩` + "\u200d" + `\ud83d\udc67`, "150 !",
		}},
		{"flag cut inside its second letter", pace, []arrival{
			{0, text(`🇨\ud83c`)}, {ms(50), text(`\uddf3`)}, {ms(10), text(`a`)},
		}, []string{`50 🇨\ud83c\uddf3`, "150 a"}},
		{"half before an emoji's time is over", pace, []arrival{{0, text(`👩`)}, {ms(90), text(`\ud83d`)}, {ms(90), text(`\ude00`)}}, []string{
			`100 👩`, `200 \ud83d\ude00`,
		}},
		{"an event without text between", pace, []arrival{{0, text("👩")}, {ms(20), text("")}, {ms(20), text("\u200d👧a")}}, []string{
			"40 👩\u200d👧", "140 a",
		}},
		{"halves with an event without text between", pace, []arrival{{0, text(`\ud83d`)}, {0, text("")}, {ms(20), text(`\ude00`)}}, []string{
			`20 \ud83d\ude00`,
		}},
		{"another channel between", pace, []arrival{{0, text("👩")}, {ms(20), thought("x")}, {ms(20), text("\u200d👧")}}, []string{
			"20 👩", "120 x", "220 \u200d", "320 👧",
		}},
		{"each part is waited for", pace, []arrival{
			{0, text("👩")}, {ms(90), text("\u200d")}, {ms(90), text("👧")}, {ms(90), text("\u200d")}, {ms(101), text("👦")},
		}, []string{"370 👩\u200d👧\u200d", "470 👦"}},
		{"no longer than the max lag", late, []arrival{{0, text("👩")}, {ms(40), other("done")}}, []string{
			"30 👩", "40 done",
		}},
		{"a mark is not waited for", pace, []arrival{{0, text("e")}, {ms(20), text("\u0301a")}}, []string{"0 e", "100 \u0301", "200 a"}},
		{"the end is not waited for", pace, []arrival{{0, text("a🇨")}}, []string{"0 a", "100 🇨"}},
		{"CR and LF", pace, []arrival{{0, text(`\r`)}, {ms(20), text(`\nx`)}}, []string{`20 \r\n`, "420 x"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkSent(t, play(t, test.pace, test.pattern), test.want)
		})
	}
}

// An endless cluster is cut.
func TestPlayCutsEndlessCluster(t *testing.T) {
	events := []Event{text("👩")}
	for range maxCluster {
		events = append(events, text("\u200d"))
	}
	pace := fixed(t)
	pace.MaxLag = 0
	var got []string
	synctest.Test(t, func(t *testing.T) { got = playEnded(t, pace, events...) })
	if want := "👩" + strings.Repeat("\u200d", maxCluster); strings.Join(got, "") != want {
		t.Error("text differs")
	}
	for i, cluster := range got {
		if len(cluster) < maxCluster && i < len(got)-1 || len(cluster) > maxCluster+len("\u200d") {
			t.Errorf("cluster %d has %d bytes, want about %d", i, len(cluster), maxCluster)
		}
	}
}

func TestMayGrow(t *testing.T) {
	tests := []struct {
		name string
		text string
		want bool
	}{
		{"plain letter", "a", false},
		{"plain ideograph", "好", false},
		{"Hangul syllable", "가", false},
		{"digit", "1", false},
		{"line feed", `\n`, false},
		{"CRLF", `\r\n`, false},
		{"letter with accent", "e\u0301", false},
		{"keycap", "1\ufe0f\u20e3", false},
		{"letter and joiner", "a\u200d", false},
		{"joiner", "\u200d", false},
		{"whole flag", "🇨🇳", false},
		{"consonant", "क", false},
		{"consonant with vowel sign", "कि", false},
		{"linker alone", "\u094d", false},
		{"low half", `\ude00`, false},
		{"skin tone alone", "🏽", false},
		{"carriage return", `\r`, true},
		{"carriage return as \\u", `\u000d`, true},
		{"raw carriage return", "\r", true},
		{"emoji", "👩", true},
		{"emoji escaped", `\ud83d\udc69`, true},
		{"text emoji", "©", true},
		{"emoji with skin tone", "👩🏽", true},
		{"emoji with selector", "❤\ufe0f", true},
		{"emoji and joiner", "👩\u200d", true},
		{"emoji sequence", "👩\u200d👧", true},
		{"one flag letter", "🇨", true},
		{"leading jamo", "\u1100", true},
		{"leading and vowel jamo", "\u1100\u1161", true},
		{"three jamo", "\u1100\u1161\u11a8", true},
		{"consonant and linker", "क्", true},
		{"linker and joiner", "क्\u200d", true},
		{"Khmer consonant and linker", "\u1795\u17d2", true},
		{"prepended mark", "\u0600", true},
		{"high half", `\ud83d`, true},
		{"prepended mark and high half", "\u0600" + `\ud83d`, true},
	}
	var s splitter
	for _, test := range tests {
		if got := s.mayGrow(test.text); got != test.want {
			t.Errorf("%s, %q: got %t", test.name, test.text, got)
		}
	}
}

// Between two plain characters there is always a boundary, and no growth lengthens them.
func TestIsPlain(t *testing.T) {
	partners := []rune(" !09AZaz~\n\tÀÿĀɏʯͰΑωϿЀяҁ‘’“”…、。〈〉〒〠あんゖァヺヾ㐀䶿一好鿿가각힣！０Ａｚ｡ｱﾝ")
	for _, p := range partners {
		if !isPlain(p) {
			t.Errorf("partner %q is not plain", p)
		}
	}
	plain := 0
	var s splitter
	for r := rune(0); r <= 0x10FFFF; r++ {
		if !isPlain(r) {
			continue
		}
		plain++
		for _, p := range partners {
			for _, pair := range []string{string(r) + string(p), string(p) + string(r)} {
				it := graphemes.FromString(pair)
				if it.Next(); it.End() == len(pair) {
					t.Errorf("no boundary in %+q", pair)
				}
			}
		}
		// Hangul syllables may grow, but are not held.
		if s.buf = append(s.buf[:0], string(r)...); r < 0xAC00 || r > 0xD7A3 {
			for _, growth := range growths {
				if clusterLen(append(s.buf, growth...)) == len(s.buf)+len(growth) {
					t.Errorf("%q grows by %+q", r, growth)
				}
			}
		}
	}
	if plain < 40000 {
		t.Errorf("only %d characters are plain", plain)
	}
	for _, r := range "\r\x00\x7f\u00ad\u00a9\u0300\u0600\u0915\u1100\u200b\u200d\u2028\u203c\u3030\u302a\u3099\u303d\u303e\uff9e\ufe0f\ufffd🇨👩" {
		if isPlain(r) {
			t.Errorf("%+q is plain", r)
		}
	}
	if isPlain(unknown) {
		t.Error("no character is plain")
	}
}

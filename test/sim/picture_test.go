package sim

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// picture shows how some algorithms write the beginning of a stream in bursts.
const picture = "../../docs/img/pacing.svg"

// The part of the stream in the picture, and its size.
const (
	pictureTime                = 2500 * time.Millisecond
	pictureChars               = 148 * 5
	plotX, plotY, plotW, plotH = 44, 12, 560, 220
)

var pictureLines = []struct{ algorithm, label, color string }{
	{"raw", "arrival (raw)", "#8b949e"},
	{"chat-ui", "chat-ui", "#d29922"},
	{"LibreChat", "LibreChat", "#bf5b9c"},
	{"markstream", "markstream", "#a371f7"},
	{"smooth", "sse-typewriter, smooth", "#2da44e"},
	{"typewriter", "sse-typewriter, typewriter", "#1f6feb"},
}

// TestPicture compares docs/img/pacing.svg with the simulation, or draws it anew.
func TestPicture(t *testing.T) {
	want := draw(t, "148 every 550 ms")
	if *update {
		if err := os.WriteFile(picture, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(picture); err != nil || string(got) != want {
		t.Errorf("%s is out of date: run make sim (%v)", picture, err)
	}
}

// draw returns a picture of the written characters over time for a pattern.
func draw(t *testing.T, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12" fill="#6e7781">`+"\n",
		plotX+plotW+16, plotY+plotH+76)
	fmt.Fprintf(&b, "<title>Characters on the screen over time, for 148 characters every 550 ms</title>\n")
	for s := range 6 {
		x := plotX + plotW*s/5
		fmt.Fprintf(&b, `<path d="M%d %dV%d" stroke="#8b949e" stroke-opacity=".25"/><text x="%d" y="%d" text-anchor="middle">%.1f s</text>`+"\n",
			x, plotY, plotY+plotH, x, plotY+plotH+16, float64(s)/2)
	}
	for n := 0; n <= pictureChars; n += 148 {
		y := plotY + plotH - plotH*n/pictureChars
		fmt.Fprintf(&b, `<path d="M%d %dH%d" stroke="#8b949e" stroke-opacity=".25"/><text x="%d" y="%d" text-anchor="end">%d</text>`+"\n",
			plotX, y, plotX+plotW, plotX-6, y+4, n)
	}
	for i, line := range pictureLines {
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2" stroke-linejoin="round"/>`+"\n", path(written(t, name, line.algorithm)), line.color)
		x, y := plotX+i%3*195, plotY+plotH+40+i/3*20
		fmt.Fprintf(&b, `<path d="M%d %dh18" stroke="%s" stroke-width="3"/><text x="%d" y="%d">%s</text>`+"\n", x, y-4, line.color, x+24, y, line.label)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// written returns the items of text that an algorithm writes for a pattern.
func written(t *testing.T, name, algorithm string) []item {
	for _, p := range allPatterns() {
		for _, a := range algorithms {
			if p.name == name && a.name == algorithm {
				return a.run(t, p.arrivals())
			}
		}
	}
	t.Fatalf("no pattern %q or no algorithm %q", name, algorithm)
	return nil
}

// path returns the steps of a line, at most one for each pixel.
func path(items []item) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%d %d", plotX, plotY+plotH)
	chars, lastX := 0, plotX
	for _, it := range items {
		if it.channel == "" {
			continue
		}
		x := plotX + int(it.at*plotW/pictureTime)
		if it.at > pictureTime {
			break
		}
		if x > lastX {
			fmt.Fprintf(&b, "V%.1fH%d", height(chars), x)
			lastX = x
		}
		chars += len(clusters(it.text))
	}
	fmt.Fprintf(&b, "V%.1fH%d", height(chars), plotX+plotW)
	return b.String()
}

// height returns the y coordinate of a number of characters.
func height(chars int) float64 {
	return plotY + plotH - plotH*float64(min(chars, pictureChars))/pictureChars
}

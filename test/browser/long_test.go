package browser

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// longestTask is the maximum processor time of a single task of the page. Processor
// time does not depend on other programs.
const longestTask = 50 * time.Millisecond

// The page stays responsive while a long answer is drawn: one of 20,000 characters that
// arrives at once, and one of 10,000 characters in 100 events a second. The test is not
// parallel because it measures all pages of the browser.
func TestLongAnswerIsResponsive(t *testing.T) {
	const unit = "## 标题 heading\n\n一段**很长**的回答，有 `code` 和 [link](https://example.com)。It goes on.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
	for _, test := range []struct {
		name                  string
		characters, eachEvent int
		interval              time.Duration
	}{
		{"at once", 20_000, 4, 0},
		{"100 events a second", 10_000, 20, 10 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := []rune(strings.Repeat(unit, test.characters/len([]rune(unit))+1))[:test.characters]
			u := newUpstream(t, func(c *chat) {
				for piece := range slices.Chunk(text, test.eachEvent) {
					c.say(string(piece))
					time.Sleep(test.interval)
				}
				c.end()
			})
			p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
			p.choose("mode", "raw")
			trace := p.trace()
			p.ask("x")
			p.untilState("done")
			if got, want := eval[int](p, messages+`.querySelectorAll("h2").length`), strings.Count(string(text), "## "); got != want {
				t.Errorf("at the end, %d headings are drawn, want %d", got, want)
			}
			p.press(" ") // is responded to after all that
			tasks := trace()
			longest := slices.Max(append(tasks, 0))
			t.Logf("longest of %d tasks: %v", len(tasks), longest)
			if len(tasks) < 100 || longest > longestTask {
				t.Errorf("the longest of %d tasks took %v, want at most %v", len(tasks), longest, longestTask)
			}
		})
	}
}

// trace starts to measure the tasks of the main threads of all pages. The returned
// function stops it and returns the processor times.
func (p *page) trace() func() []time.Duration {
	p.t.Helper()
	type event struct {
		Name string
		Pid  int
		Tid  int
		Tdur int64 // µs of the processor
		Args struct{ Name string }
	}
	var events []event
	complete := make(chan struct{})
	chromedp.ListenTarget(p.ctx, func(e any) {
		switch e := e.(type) {
		case *tracing.EventDataCollected:
			for _, raw := range e.Value {
				var one event
				if json.Unmarshal(raw, &one) == nil { // others have other fields
					events = append(events, one)
				}
			}
		case *tracing.EventTracingComplete:
			close(complete)
		}
	})
	config := &tracing.TraceConfig{IncludedCategories: []string{"toplevel", "disabled-by-default-devtools.timeline", "devtools.timeline"}}
	p.do(tracing.Start().WithTraceConfig(config).WithTransferMode(tracing.TransferModeReportEvents))
	return func() []time.Duration {
		p.t.Helper()
		p.do(tracing.End())
		testenv.Receive(p.t, "the trace ends", complete)
		mains := map[[2]int]bool{}
		for _, e := range events {
			if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
				mains[[2]int{e.Pid, e.Tid}] = true
			}
		}
		var out []time.Duration
		for _, e := range events {
			if strings.HasSuffix(e.Name, "RunTask") && mains[[2]int{e.Pid, e.Tid}] {
				out = append(out, time.Duration(e.Tdur)*time.Microsecond)
			}
		}
		return out
	}
}

package browser

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"

	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// longestTask is the maximum processor time of a single task of the page. Processor
// time does not depend on other programs.
const longestTask = 200 * time.Millisecond

// The page stays responsive while an answer of 20,000 characters that arrives at once
// is written and formatted. The test is not parallel because it measures all pages of
// the browser.
func TestLongAnswerIsResponsive(t *testing.T) {
	const characters = 20_000
	unit := "## 标题 heading\n\n一段**很长**的回答，有 `code` 和 [link](https://example.com)。It goes on.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
	text := []rune(strings.Repeat(unit, characters/len([]rune(unit))+1))[:characters]
	u := newUpstream(t, func(c *chat) {
		for i := 0; i < characters; i += 4 {
			c.say(string(text[i : i+4]))
		}
		c.end()
	})
	p := open(t, testenv.Start(t, "--upstream="+u.URL).Base, "/")
	p.choose("mode", "raw")
	eval[bool](p, watch)
	trace := p.trace()
	p.ask("x")
	p.untilState("done")
	p.until("it is formatted", messages+`.querySelector(".formatted")`)
	p.press(" ") // is responded to after all that
	tasks := trace()
	seen := eval[[]string](p, "seen")
	if got := seen[len(seen)-1]; got != string(text) {
		t.Errorf("%d characters were written, want %d", len([]rune(got)), characters)
	}
	longest := time.Duration(0)
	for _, task := range tasks {
		longest = max(longest, task)
	}
	t.Logf("longest of %d tasks: %v; text written %d times", len(tasks), longest, len(seen))
	if len(tasks) < 100 || longest > longestTask {
		t.Errorf("the longest of %d tasks took %v, want at most %v", len(tasks), longest, longestTask)
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

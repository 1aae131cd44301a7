package metrics

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What was told is exposed under its name, and nothing under a name that somebody chose.
func TestText(t *testing.T) {
	m := New(Options{Upstreams: []string{"/"}, EventTypes: []string{"delta"}, UpstreamFailures: []string{"cut", "too_large"}, Rejections: []string{"draining", "rate_limit"}, StoreBytes: func() int64 { return 5 }, StoreMaxBytes: 50})
	ended := m.View(ViewLabels{"/", "GET /", "typewriter"}, func() int { return 1000 })
	ended.Event("delta", 2)
	ended.Event("invented", 0)
	ended.Event("delta", 1)
	ended.Text(2*time.Second, time.Millisecond)
	ended.End("done")
	m.View(ViewLabels{"/", "GET /", "raw"}, func() int { return 3 })
	m.View(ViewLabels{"/", "GET /", "raw"}, func() int { return 4 })
	m.FirstText("/", time.Second)
	m.Resumed("gone")
	m.UpstreamFailed("/", "cut")
	m.Canceled(time.Second)
	m.Rejected("draining")
	m.SetDraining()
	m.Tokens("/", "m-1", TokenCount{Input: 3, Output: 4, Total: 9})
	m.Tokens("/", "m-1", TokenCount{Input: 1, Output: -5})
	m.Tokens("/", "", TokenCount{Total: 6})
	m.Tokens("/", "bad \xff", TokenCount{Output: 1})
	m.Tokens("/", strings.Repeat("x", 101), TokenCount{Output: 2})
	scraped := httptest.NewRecorder()
	m.Handler().ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	lines := "\n" + scraped.Body.String()
	for _, want := range []string{
		`streams_total{mode="typewriter",outcome="done",route="GET /",upstream="/"} 1`,
		`streams_active 2`,
		`backlog_graphemes 7`,
		`graphemes_total 3`,
		`events_total{type="delta"} 2`,
		`events_total{type="other"} 1`,
		`added_latency_seconds_sum 2`,
		`pacing_lateness_seconds_sum 0.001`,
		`upstream_ttft_seconds_count{upstream="/"} 1`,
		`resumes_total{outcome="gone"} 1`,
		`resumes_total{outcome="unavailable"} 0`,
		`upstream_errors_total{reason="cut",upstream="/"} 1`,
		`upstream_errors_total{reason="too_large",upstream="/"} 0`,
		`upstream_cancel_seconds_sum 1`,
		`rejected_total{reason="draining"} 1`,
		`rejected_total{reason="rate_limit"} 0`,
		`draining 1`,
		`store_bytes 5`,
		`tokens_total{model="m-1",type="input",upstream="/"} 4`,
		`tokens_total{model="m-1",type="output",upstream="/"} 4`,
		`tokens_total{model="unknown",type="total",upstream="/"} 6`,
		"tokens_total{model=\"bad \uFFFD\",type=\"output\",upstream=\"/\"} 1",
		`tokens_total{model="other",type="output",upstream="/"} 2`,
		`store_max_bytes 50`,
	} {
		if !strings.Contains(lines, "\ntypewriter_"+want+"\n") {
			t.Errorf("there is no %s in\n%s", want, lines)
		}
	}
	if strings.Contains(lines, "invented") {
		t.Error("an event's name became a label")
	}
}

// The number of models is bounded, whatever the names. Known models stay.
func TestModelsAreBounded(t *testing.T) {
	m := New(Options{StoreBytes: func() int64 { return 0 }})
	for i := range 3 * maxModels {
		m.Tokens("/", "m"+strconv.Itoa(i), TokenCount{Input: 1})
		m.Tokens("/", "m0", TokenCount{Input: 1})
	}
	scraped := httptest.NewRecorder()
	m.Handler().ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	text := scraped.Body.String()
	if n := strings.Count(text, "\ntypewriter_tokens_total{"); n != maxModels+1 {
		t.Errorf("got %d series, want %d", n, maxModels+1)
	}
	for series, want := range map[string]string{"m0": "301", "m99": "1", "other": "200"} {
		if !strings.Contains(text, `tokens_total{model="`+series+`",type="input",upstream="/"} `+want+"\n") {
			t.Errorf("%s is not %s", series, want)
		}
	}
}

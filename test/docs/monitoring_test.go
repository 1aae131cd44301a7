package docs

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"

	"gopkg.in/yaml.v3"
)

// metric matches a metric in a PromQL expression, with the conditions on its labels.
var metric = regexp.MustCompile(`\b((?:typewriter|go|process)_[a-z_]+)(?:\{([^}]*)\})?`)

// exposed provokes a value of every metric and returns the labels and types of the
// metrics that a server exposes.
func exposed(t *testing.T) (labels map[string]map[string]bool, types map[string]string) {
	t.Helper()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("break") {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"a\"}\n\n" +
			"event:conversation.chat.completed\ndata:{\"usage\":{\"input_count\":1,\"output_count\":1}}\n\nevent:done\ndata:\"[DONE]\"\n\n"))
	}))
	t.Cleanup(up.Close)
	base := testenv.Start(t, "--upstream="+up.URL, "--bot-id=1").Base
	send(t, "POST", base+"/v3/chat")
	send(t, "POST", base+"/v3/chat?break=1")
	send(t, "GET", base+"/v3/chat?lastEventId="+strings.Repeat("a", 26)+":1.0")
	scrape := send(t, "GET", base+"/metrics")
	labels, types = map[string]map[string]bool{"up": {}}, map[string]string{}
	for line := range strings.Lines(scrape) {
		if words := strings.Fields(line); words[0] == "#" {
			if words[1] == "TYPE" {
				types[words[2]] = words[3]
			}
			continue
		}
		name := line[:strings.IndexAny(line, "{ ")]
		if labels[name] == nil {
			labels[name] = map[string]bool{"job": true, "instance": true} // added by Prometheus
		}
		for _, found := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(line, -1) {
			labels[name][found[1]] = true
		}
	}
	return labels, types
}

// checkExpression checks that the metrics and labels of an expression are exposed. It
// returns the names of the metrics.
func checkExpression(t *testing.T, expression string, labels map[string]map[string]bool) (names []string) {
	t.Helper()
	known := map[string]bool{}
	for _, found := range metric.FindAllStringSubmatch(expression, -1) {
		names = append(names, found[1])
		if labels[found[1]] == nil {
			t.Errorf("%s is not exposed, in %s", found[1], expression)
			continue
		}
		for label := range labels[found[1]] {
			known[label] = true
		}
		for _, condition := range regexp.MustCompile(`([a-z_]+) *[=!]`).FindAllStringSubmatch(found[2], -1) {
			if !labels[found[1]][condition[1]] {
				t.Errorf("%s has no label %s, in %s", found[1], condition[1], expression)
			}
		}
	}
	for _, by := range regexp.MustCompile(`\bby \(([^)]*)\)`).FindAllStringSubmatch(expression, -1) {
		for label := range strings.SplitSeq(by[1], ",") {
			if !known[strings.TrimSpace(label)] {
				t.Errorf("no metric has the label %s, in %s", label, expression)
			}
		}
	}
	return names
}

// baseName returns a metric's name without the suffixes of a histogram.
func baseName(name string, types map[string]string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if whole, ok := strings.CutSuffix(name, suffix); ok && types[whole] != "" {
			return whole
		}
	}
	return name
}

// Alerts use only exposed metrics. Each has a runbook in docs/operations.md, and each
// runbook there has an alert.
func TestAlerts(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "deploy/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	labels, _ := exposed(t)
	runbooks := section(t, "docs/operations.md", "Alerts")
	alerts := 0
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			alerts++
			if names := checkExpression(t, rule.Expr, labels); len(names) == 0 && !strings.HasPrefix(rule.Expr, "up{") {
				t.Errorf("%s: no metric in %s", rule.Alert, rule.Expr)
			}
			if want := "docs/operations.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook"] != want {
				t.Errorf("%s: the runbook is %s, want %s", rule.Alert, rule.Annotations["runbook"], want)
			}
			if !strings.Contains(runbooks, "\n### "+rule.Alert+"\n") {
				t.Errorf("%s: not in docs/operations.md", rule.Alert)
			}
			if rule.Annotations["summary"] == "" || rule.Labels["severity"] != "critical" && rule.Labels["severity"] != "warning" {
				t.Errorf("%s: no summary, or severity %q", rule.Alert, rule.Labels["severity"])
			}
		}
	}
	if described := strings.Count(runbooks, "\n### "); alerts == 0 || described != alerts {
		t.Errorf("%d alerts, and docs/operations.md describes %d", alerts, described)
	}
}

// Prometheus accepts the rules.
func TestAlertSyntax(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: run scripts/install-test-deps")
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "deploy/alerts.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// The dashboard uses only exposed metrics and shows each of the program's own.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		Templating struct {
			List []struct{ Query json.RawMessage }
		}
		Panels []struct {
			ID          int
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, "deploy/grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	labels, types := exposed(t)
	shown, ids := map[string]bool{}, map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || (panel.Type == "row") != (len(panel.Targets) == 0) {
			t.Errorf("%s: id %d is taken, or the panel is empty", panel.Title, panel.ID)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			names := checkExpression(t, target.Expr, labels)
			if len(names) == 0 {
				t.Errorf("%s: no metric in %s", panel.Title, target.Expr)
			}
			for _, name := range names {
				shown[baseName(name, types)] = true
			}
		}
	}
	for _, variable := range dashboard.Templating.List {
		checkExpression(t, string(variable.Query), labels)
	}
	for name := range types {
		if strings.HasPrefix(name, "typewriter_") && !shown[name] {
			t.Errorf("%s is not shown", name)
		}
	}
}

// A counter that an alert names with its labels is exposed as 0 from the start:
// Prometheus sees no increase in a counter that first appears as 1.
func TestAlertsSeeTheFirstEvent(t *testing.T) {
	t.Parallel()
	scrape := send(t, "GET", testenv.Start(t).Base+"/metrics")
	named := regexp.MustCompile(`typewriter_[a-z_]+\{[a-z]+="[^"]*"\}`).FindAllString(readFile(t, "deploy/alerts.yaml"), -1)
	for _, series := range named {
		ofUpstream := strings.TrimSuffix(series, "}") + `,upstream="/"}`
		if !strings.Contains(scrape, "\n"+series+" 0\n") && !strings.Contains(scrape, "\n"+ofUpstream+" 0\n") {
			t.Errorf("%s is not exposed", series)
		}
	}
	if len(named) == 0 {
		t.Error("no alert names a series")
	}
}

// docs/operations.md lists each limit that can be set, with its default.
func TestLimitsAreDocumented(t *testing.T) {
	t.Parallel()
	help := help(t, "serve")
	_, limits, _ := strings.Cut(help, "\nAuthentication and limits:\n")
	limits, _, _ = strings.Cut(limits, "\nLogging:\n")
	documented := section(t, "docs/operations.md", "Limits")
	flags := regexp.MustCompile(`(?m)^ +--([a-z-]+)="?([0-9][0-9A-Za-z]*)"?(?: |$)`).FindAllStringSubmatch(limits, -1)
	for _, flag := range flags {
		value := flag[2]
		if value == "0" {
			value = "none"
		}
		if row := "\n| `--" + flag[1] + "` | " + value + " |"; !strings.Contains(documented, row) {
			t.Errorf("no row %s", row[1:])
		}
	}
	for _, name := range regexp.MustCompile(`--(?:max-|rate-|store-max-|resume-|smooth-max-)[a-z-]*`).FindAllString(help, -1) {
		if !strings.Contains(documented, "`"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
	}
	if len(flags) == 0 {
		t.Errorf("no limit in %s", help)
	}
}

// docs/operations.md lists each of the program's own metrics with its type and labels,
// and no others.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	labels, types := exposed(t)
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(typewriter_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|").FindAllStringSubmatch(section(t, "docs/operations.md", "Metrics"), -1) {
		documented[row[1]] = row[2]
		of := labels[row[1]]
		if row[2] == "histogram" {
			of = labels[row[1]+"_count"]
		}
		for label := range strings.FieldsFuncSeq(row[3], func(r rune) bool { return strings.ContainsRune("`, ", r) }) {
			if !of[label] {
				t.Errorf("%s has no label %q", row[1], label)
			}
			delete(of, label)
		}
		delete(of, "job")
		delete(of, "instance")
		if len(of) > 0 {
			t.Errorf("%s has undocumented labels %v", row[1], of)
		}
	}
	for name, kind := range types {
		if strings.HasPrefix(name, "typewriter_") && documented[name] != kind {
			t.Errorf("%s is a %s, documented as %q", name, kind, documented[name])
		}
	}
	for name := range documented {
		if types[name] == "" {
			t.Errorf("%s is not exposed", name)
		}
	}
}

package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"sse-typewriter/internal/app"

	"gopkg.in/yaml.v3"
)

// metric is a name that an expression uses, with the conditions on its labels.
var metric = regexp.MustCompile(`\b((?:typewriter|go|process)_[a-z_]+)(?:\{([^}]*)\})?`)

// exposed returns the labels of each name that a server exposes which has done all there
// is to count, with the types of the metrics.
func exposed(t *testing.T) (labels map[string]map[string]bool, types map[string]string) {
	t.Helper()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("break") {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("event:conversation.message.delta\ndata:{\"id\":\"1\",\"content\":\"a\"}\n\nevent:done\ndata:\"[DONE]\"\n\n"))
	}))
	t.Cleanup(up.Close)
	base := start(t, "--upstream="+up.URL, "--bot-id=1")
	get(t, "POST", base+"/v3/chat")
	get(t, "POST", base+"/v3/chat?break=1")
	get(t, "GET", base+"/v3/chat?lastEventId="+strings.Repeat("a", 26)+":1.0")
	_, scrape := get(t, "GET", base+"/metrics")
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
			labels[name] = map[string]bool{"job": true, "instance": true} // which Prometheus adds
		}
		for _, found := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(line, -1) {
			labels[name][found[1]] = true
		}
	}
	return labels, types
}

// checkExpression reports what an expression names that is not exposed. It returns the
// names of the metrics.
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

// base returns a metric's name without what the parts of a histogram add.
func base(name string, types map[string]string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if whole, ok := strings.CutSuffix(name, suffix); ok && types[whole] != "" {
			return whole
		}
	}
	return name
}

func operations(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Alerts name only what is exposed, and say what to do in docs/operations.md, which
// describes no others.
func TestAlerts(t *testing.T) {
	data, err := os.ReadFile("deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	labels, _ := exposed(t)
	_, section, _ := strings.Cut(operations(t), "\n## Alerts\n")
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
			if !strings.Contains(section, "\n### "+rule.Alert+"\n") {
				t.Errorf("%s: not in docs/operations.md", rule.Alert)
			}
			if rule.Annotations["summary"] == "" || rule.Labels["severity"] != "critical" && rule.Labels["severity"] != "warning" {
				t.Errorf("%s: no summary, or severity %q", rule.Alert, rule.Labels["severity"])
			}
		}
	}
	if described := strings.Count(section, "\n### "); alerts == 0 || described != alerts {
		t.Errorf("%d alerts, and docs/operations.md describes %d", alerts, described)
	}
}

// Prometheus itself reads the rules, where it is installed.
func TestAlertsAreRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, promtool, "check", "rules", "deploy/alerts.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// The dashboard names only what is exposed, and shows all that is ours.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("deploy/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
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
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	labels, types := exposed(t)
	shown, ids := map[string]bool{}, map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || (panel.Type == "row") != (len(panel.Targets) == 0) {
			t.Errorf("%s: id %d is taken, or it shows nothing", panel.Title, panel.ID)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			names := checkExpression(t, target.Expr, labels)
			if len(names) == 0 {
				t.Errorf("%s: no metric in %s", panel.Title, target.Expr)
			}
			for _, name := range names {
				shown[base(name, types)] = true
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

// What an alert asks for by name is exposed before it has happened: of a counter that
// begins with 1, Prometheus sees no increase.
func TestAlertsSeeTheFirst(t *testing.T) {
	rules, err := os.ReadFile("deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, scrape := get(t, "GET", start(t)+"/metrics")
	asked := regexp.MustCompile(`typewriter_[a-z_]+\{[a-z]+="[^"]*"\}`).FindAllString(string(rules), -1)
	for _, series := range asked {
		if !strings.Contains(scrape, "\n"+series+" 0\n") {
			t.Errorf("%s is not exposed", series)
		}
	}
	if len(asked) == 0 {
		t.Error("no alert asks for a series")
	}
}

// docs/operations.md tells of every limit that can be set, with its default.
func TestLimitsAreDocumented(t *testing.T) {
	var help strings.Builder
	if err := app.Run(t.Context(), []string{"serve", "--help"}, &help, io.Discard); err != nil {
		t.Fatal(err)
	}
	_, limits, _ := strings.Cut(help.String(), "\nLimits:\n")
	limits, _, _ = strings.Cut(limits, "\nLog:\n")
	_, section, _ := strings.Cut(operations(t), "\n## Limits\n")
	section, _, _ = strings.Cut(section, "\n## ")
	flags := regexp.MustCompile(`(?m)^ +--([a-z-]+)="?([0-9][0-9A-Za-z]*)"?(?: |$)`).FindAllStringSubmatch(limits, -1)
	for _, flag := range flags {
		if row := "\n| `--" + flag[1] + "` | " + flag[2] + " |"; !strings.Contains(section, row) {
			t.Errorf("there is no %s", row[1:])
		}
	}
	for _, name := range regexp.MustCompile(`--(?:max-|rate-|store-max-|resume-|smooth-max-)[a-z-]*`).FindAllString(help.String(), -1) {
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("%s is not told of", name)
		}
	}
	if len(flags) == 0 {
		t.Errorf("no limit in %s", help.String())
	}
}

// docs/operations.md tells of each metric of ours, its type and its labels, and of no
// others.
func TestMetricsAreDocumented(t *testing.T) {
	labels, types := exposed(t)
	_, section, _ := strings.Cut(operations(t), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(typewriter_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|").FindAllStringSubmatch(section, -1) {
		documented[row[1]] = row[2]
		of := labels[row[1]]
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

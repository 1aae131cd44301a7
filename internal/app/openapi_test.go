package app

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cloudwego/hertz/pkg/app/server"
	hertz "github.com/cloudwego/hertz/pkg/common/config"
	"gopkg.in/yaml.v3"

	"sse-typewriter/internal/config"
)

// docs/openapi.yaml describes every route of the API, and no other but that of the admin
// server.
func TestOpenAPIRoutes(t *testing.T) {
	command, err := config.Parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	conf := command.Serve
	logger := slog.New(slog.DiscardHandler)
	upstreams, _, err := newUpstreams(conf)
	if err != nil {
		t.Fatal(err)
	}
	state, err := openState(t.Context(), conf, upstreams, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer state.close()
	h := newHandler(conf, state, logger)
	engine := server.New(hertz.Option{F: func(o *hertz.Options) { o.DisablePrintRoute = true }})
	h.Register(engine.Engine)
	var served []string
	for _, r := range engine.Routes() {
		if r.Method != http.MethodHead { // registered with GET
			served = append(served, r.Method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}"))
		}
	}
	slices.Sort(served)
	if described := describedRoutes(t); !slices.Equal(served, described) {
		t.Errorf("served:\n%s\ndescribed:\n%s", strings.Join(served, "\n"), strings.Join(described, "\n"))
	}
}

// describedRoutes returns the operations of docs/openapi.yaml as "METHOD /path".
func describedRoutes(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	methods := []string{http.MethodGet, http.MethodPost, http.MethodDelete}
	var routes []string
	for path, operations := range document.Paths {
		if operations["servers"] != nil {
			continue // of the admin server
		}
		for name := range operations {
			if method := strings.ToUpper(name); slices.Contains(methods, method) {
				routes = append(routes, method+" "+path)
			}
		}
	}
	slices.Sort(routes)
	return routes
}

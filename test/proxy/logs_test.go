package proxy

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sse-typewriter/internal/testenv"
)

// No key or question in a URL is logged by the recommended configurations, for requests
// that succeed or fail.
func TestLogsHoldNoQuery(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		start func(*testing.T, *testenv.Program) (base string, logs func() string)
	}{
		{"nginx", func(t *testing.T, s *testenv.Program) (string, func() string) {
			n := startNginx(t, s, [2]string{errorLog, "error_log error.log crit;"})
			return n.base, n.logs
		}},
		{"nginx with TLS", func(t *testing.T, s *testenv.Program) (string, func() string) {
			n := startNginx(t, s, [2]string{errorLog, "error_log error.log crit;"})
			return n.secure, n.logs
		}},
		{"Caddy", func(t *testing.T, s *testenv.Program) (string, func() string) {
			c := startCaddy(t, s.Address())
			return c.base, c.log.String
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := testenv.Start(t)
			base, logs := test.start(t, s)
			client := newClient(t)
			for _, want := range []int{http.StatusOK, http.StatusBadGateway} {
				res := sendRequest(t, client, "GET", base+"/healthz?api_key=SECRET&message=SECRET", "", "Referer", base+"/?api_key=SECRET")
				_ = res.Body.Close()
				if res.StatusCode != want {
					t.Fatalf("status is %d, want %d", res.StatusCode, want)
				}
				s.Kill()
			}
			testenv.Eventually(t, "the failure is logged", func() bool { return strings.Contains(logs(), "502") })
			if log := logs(); strings.Contains(log, "SECRET") || !strings.Contains(log, "/healthz") {
				t.Errorf("the log is %s", log)
			}
		})
	}
}

// logs returns the contents of all of nginx's logs.
func (n *nginx) logs() string {
	all := n.log.String()
	for _, name := range []string{"access.log", "error.log"} {
		text, err := os.ReadFile(filepath.Join(n.prefix, name))
		if err != nil {
			n.t.Error(err)
		}
		all += string(text)
	}
	return all
}

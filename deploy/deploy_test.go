package deploy

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"sse-typewriter/internal/config"
)

// files returns all files of this directory except tests, and the operations guide.
func files(t *testing.T) []string {
	t.Helper()
	names := []string{"docs/operations.md"}
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, ".go") {
			names = append(names, "deploy/"+path)
		}
		return err
	})
	if err != nil || len(names) < 10 {
		t.Fatalf("found %q, %v", names, err)
	}
	return names
}

// others lists flags of other programs used in the files.
var others = []string{"build", "build-arg", "from", "tags", "always", "now", "maxmemory", "maxmemory-policy", "save", "appendonly", "no-deps"}

// All settings used in the files exist.
func TestSettingsExist(t *testing.T) {
	var help bytes.Buffer
	if _, err := config.Parse([]string{"serve", "--help"}, &help); !errors.Is(err, config.ErrHelp) {
		t.Fatal(err)
	}
	known := map[string]bool{"TYPEWRITER_*": true}
	for _, name := range regexp.MustCompile(`--[a-z][a-z-]*|TYPEWRITER_[A-Z_]+`).FindAllString(help.String(), -1) {
		known[name] = true
	}
	for _, name := range others {
		known["--"+name] = true
	}
	named := 0
	for _, file := range files(t) {
		for _, m := range regexp.MustCompile(`(?:^|[^a-zA-Z-])(--[a-z][a-z-]+|TYPEWRITER_[A-Z_*]+)`).FindAllStringSubmatch(read(t, file), -1) {
			named++
			if !known[m[1]] {
				t.Errorf("%s uses unknown setting %s", file, m[1])
			}
		}
	}
	if named < 20 {
		t.Errorf("only %d settings found", named)
	}
}

// drain returns the default of --drain-timeout.
func drain(t *testing.T) time.Duration {
	t.Helper()
	c, err := config.Parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return c.Serve.DrainTimeout
}

// checkStopTimeout compares a stop timeout with the duration of draining.
func checkStopTimeout(t *testing.T, name, timeout string, sleep time.Duration) {
	t.Helper()
	d, err := time.ParseDuration(timeout)
	const reserve = 10 * time.Second // to hand streams over and to flush connections
	if least := drain(t) + sleep + reserve; err != nil || d < least {
		t.Errorf("%s is %q, want at least %v", name, timeout, least)
	}
}

// all decodes the documents of a YAML file, by kind.
func all(t *testing.T, name string) map[string]yaml.Node {
	t.Helper()
	documents := map[string]yaml.Node{}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, name)))
	for {
		var node yaml.Node
		if err := decoder.Decode(&node); errors.Is(err, io.EOF) {
			return documents
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var about struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string
			Metadata   struct{ Name string }
		}
		decode(t, &node, &about)
		if about.APIVersion == "" || about.Metadata.Name != "sse-typewriter" {
			t.Errorf("%s: %+v", name, about)
		}
		documents[about.Kind] = node
	}
}

func decode(t *testing.T, node *yaml.Node, into any) {
	t.Helper()
	if err := node.Decode(into); err != nil {
		t.Fatal(err)
	}
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

type variable struct {
	Name      string
	Value     string
	ValueFrom struct {
		SecretKeyRef struct {
			Name, Key string
			Optional  bool
		} `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

// deployment contains the tested fields of a Deployment.
type deployment struct {
	Spec struct {
		Replicas int
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Grace           int  `yaml:"terminationGracePeriodSeconds"`
				Token           bool `yaml:"automountServiceAccountToken"`
				SecurityContext struct {
					RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
					RunAsUser      int                   `yaml:"runAsUser"`
					SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
				} `yaml:"securityContext"`
				Containers []struct {
					Ports []struct {
						Name          string
						ContainerPort int `yaml:"containerPort"`
					}
					Env       []variable
					Lifecycle struct {
						PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
					}
					ReadinessProbe  probe `yaml:"readinessProbe"`
					LivenessProbe   probe `yaml:"livenessProbe"`
					Resources       struct{ Requests, Limits map[string]string }
					SecurityContext struct {
						Escalation   *bool `yaml:"allowPrivilegeEscalation"`
						ReadOnly     bool  `yaml:"readOnlyRootFilesystem"`
						Capabilities struct{ Drop []string }
					} `yaml:"securityContext"`
				}
			}
		}
	}
}

func TestKubernetes(t *testing.T) {
	documents := all(t, "deploy/kubernetes/sse-typewriter.yaml")
	node := documents["Deployment"]
	var d deployment
	decode(t, &node, &d)
	if len(documents) != 3 || len(d.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("got %+v", d)
	}
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	sleep := time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	checkStopTimeout(t, "terminationGracePeriodSeconds", (time.Duration(pod.Grace) * time.Second).String(), sleep)
	for name, holds := range map[string]bool{
		"two replicas":    d.Spec.Replicas == 2,
		"preStop waits":   sleep > 0,
		"ready":           c.ReadinessProbe.HTTPGet == struct{ Path, Port string }{"/readyz", "http"},
		"healthy":         c.LivenessProbe.HTTPGet == struct{ Path, Port string }{"/healthz", "http"},
		"port":            c.Ports[0].Name == "http" && c.Ports[0].ContainerPort == 8380,
		"nobody":          pod.SecurityContext.RunAsNonRoot && pod.SecurityContext.RunAsUser == 65532,
		"seccomp":         pod.SecurityContext.SeccompProfile.Type == "RuntimeDefault",
		"no links":        strings.Contains(read(t, "deploy/kubernetes/sse-typewriter.yaml"), "\n      enableServiceLinks: false"),
		"no token":        !pod.Token && strings.Contains(read(t, "deploy/kubernetes/sse-typewriter.yaml"), "automountServiceAccountToken: false"),
		"no escalation":   c.SecurityContext.Escalation != nil && !*c.SecurityContext.Escalation,
		"read only":       c.SecurityContext.ReadOnly,
		"no capabilities": slices.Equal(c.SecurityContext.Capabilities.Drop, []string{"ALL"}),
		"resources":       c.Resources.Requests["memory"] != "" && c.Resources.Limits["memory"] != "" && c.Resources.Limits["cpu"] == "",
	} {
		if !holds {
			t.Errorf("condition fails: %s: %+v", name, d.Spec)
		}
	}
	checkSecret(t, c.Env)

	// All selectors match the pods.
	var service struct {
		Spec struct{ Selector map[string]string }
	}
	var budget struct {
		Spec struct {
			MinAvailable int `yaml:"minAvailable"`
			Selector     struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			}
		}
	}
	node = documents["Service"]
	decode(t, &node, &service)
	node = documents["PodDisruptionBudget"]
	decode(t, &node, &budget)
	const label = "app.kubernetes.io/name"
	for _, selector := range []map[string]string{d.Spec.Selector.MatchLabels, service.Spec.Selector, budget.Spec.Selector.MatchLabels} {
		if selector[label] == "" || selector[label] != d.Spec.Template.Metadata.Labels[label] {
			t.Errorf("selector %v", selector)
		}
	}
	if budget.Spec.MinAvailable < 1 || budget.Spec.MinAvailable >= d.Spec.Replicas {
		t.Errorf("%d of %d pods must be available", budget.Spec.MinAvailable, d.Spec.Replicas)
	}
	if all(t, "deploy/kubernetes/ingress.yaml")["Ingress"].Kind == 0 {
		t.Error("no Ingress")
	}
}

// checkSecret checks that the variables refer to keys of the Secret (in a comment if
// optional), and that secrets are set in no other way.
func checkSecret(t *testing.T, env []variable) {
	t.Helper()
	node := all(t, "deploy/kubernetes/secret.yaml")["Secret"]
	var secret struct {
		StringData map[string]string `yaml:"stringData"`
	}
	decode(t, &node, &secret)
	text := read(t, "deploy/kubernetes/secret.yaml")
	found := 0
	for _, v := range env {
		ref := v.ValueFrom.SecretKeyRef
		if ref.Name == "" {
			continue
		}
		found++
		if _, has := secret.StringData[ref.Key]; has == ref.Optional || !strings.Contains(text, "  "+ref.Key+": ") && !strings.Contains(text, "# "+ref.Key+": ") {
			t.Errorf("secret %+v", ref)
		}
	}
	if found != 3 {
		t.Errorf("%d secrets", found)
	}
}

func TestCompose(t *testing.T) {
	type service struct {
		Environment map[string]string
		StopGrace   string `yaml:"stop_grace_period"`
		Volumes     []string
		Command     []string
		Networks    map[string]struct {
			Address string `yaml:"ipv4_address"`
		}
	}
	var compose struct{ Services map[string]service }
	if err := yaml.Unmarshal([]byte(read(t, "deploy/compose.yaml")), &compose); err != nil {
		t.Fatal(err)
	}
	nginx := read(t, "deploy/nginx-compose.conf")
	front := compose.Services["nginx"]
	for _, name := range []string{"replica-1", "replica-2"} {
		replica := compose.Services[name]
		checkStopTimeout(t, "stop_grace_period", replica.StopGrace, 0)
		if address := replica.Networks["default"].Address; address == "" || !strings.Contains(nginx, "server "+address+":8380 max_fails=0;") {
			t.Errorf("nginx has no server for %s at %q", name, address)
		}
		if trusted := replica.Environment["TYPEWRITER_TRUSTED_PROXIES"]; trusted == "" || trusted != front.Networks["default"].Address {
			t.Errorf("%s trusts %q", name, trusted)
		}
		if store := replica.Environment["TYPEWRITER_STORE"]; store != "redis://redis:6379/0" {
			t.Errorf("%s uses the store %q", name, store)
		}
	}
	if policy := strings.Join(compose.Services["redis"].Command, " "); !strings.Contains(policy, "--maxmemory-policy volatile-lru") ||
		!strings.Contains(read(t, "docs/redis.md"), "`maxmemory-policy volatile-lru`") {
		t.Errorf("redis runs with %q", policy)
	}
	if len(front.Volumes) != 2 {
		t.Errorf("nginx has %q", front.Volumes)
	}
	for _, volume := range front.Volumes {
		if _, err := os.Stat(strings.Split(volume, ":")[0]); err != nil {
			t.Error(err)
		}
	}
}

func TestSystemd(t *testing.T) {
	const name = "systemd/sse-typewriter.service"
	unit := read(t, "deploy/"+name)
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(\S+)$`).FindStringSubmatch(unit)
	if stop == nil {
		t.Fatal("no TimeoutStopSec")
	}
	checkStopTimeout(t, "TimeoutStopSec", stop[1], 0)
	for _, want := range []string{
		"DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "LimitNOFILE=65536",
		"LoadCredential=config.yaml:/etc/sse-typewriter/config.yaml",
		"ExecStart=/usr/local/bin/sse-typewriter --config ${CREDENTIALS_DIRECTORY}/config.yaml",
	} {
		if !strings.Contains(unit, "\n"+want+"\n") {
			t.Errorf("the unit lacks %s", want)
		}
	}
	if strings.Contains(unit, "\nMemoryDenyWriteExecute=yes") {
		t.Error("with MemoryDenyWriteExecute the program cannot start")
	}

	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed: scripts/install-test-deps does that")
	}
	// A copy with an existing program.
	copied := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(copied, []byte(strings.Replace(unit, "ExecStart=/usr/local/bin/sse-typewriter", "ExecStart=/bin/true", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", copied).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v %s", err, out)
	}
}

package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// notProvoked has the reasons why some described replies are not provoked here.
var notProvoked = map[string]string{
	"503": "needs a Redis outage, or a server that is full or shutting down: see test/e2e and test/abuse",

	"GET /typewriter/streams/{id} 429": "needs long streams: see handler/limits_test.go",

	"default": "the upstream's own reply: see test/e2e/forward_test.go",
}

// api is the parsed docs/openapi.yaml. A path names a node as in a JSON pointer.
type api struct {
	doc map[string]any

	mu       sync.Mutex
	compiler *jsonschema.Compiler // not safe for concurrent use
}

func readAPI(t *testing.T) *api {
	t.Helper()
	text, err := os.ReadFile("docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var parsed any
	if err := yaml.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	a := &api{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler()}
	if err := a.compiler.AddResource("api.json", doc); err != nil {
		t.Fatal(err)
	}
	return a
}

// node returns the object at a path, and its path once references are followed.
func (a *api) node(t *testing.T, path ...string) (map[string]any, []string) {
	t.Helper()
	at := a.doc
	for i, name := range path {
		next, ok := at[name].(map[string]any)
		if !ok {
			t.Fatalf("docs/openapi.yaml has no %s", strings.Join(path, " "))
		}
		if ref, ok := next["$ref"].(string); ok {
			return a.node(t, append(strings.Split(strings.TrimPrefix(ref, "#/"), "/"), path[i+1:]...)...)
		}
		at = next
	}
	return at, path
}

// schema returns the schema at a path.
func (a *api) schema(t *testing.T, path ...string) *jsonschema.Schema {
	t.Helper()
	escaper := strings.NewReplacer("~", "~0", "/", "~1", " ", "%20", "{", "%7B", "}", "%7D")
	pointer := "api.json#"
	for _, name := range path {
		pointer += "/" + escaper.Replace(name)
	}
	a.mu.Lock()
	schema, err := a.compiler.Compile(pointer)
	a.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// check compares a value with the schema at a path.
func (a *api) check(t *testing.T, value any, path ...string) {
	t.Helper()
	if err := a.schema(t, path...).Validate(value); err != nil {
		t.Errorf("%.300v does not match %s: %v", value, strings.Join(path, " "), err)
	}
}

// eachSchema calls found for each schema below a path.
func eachSchema(node any, found func(path ...string), path ...string) {
	switch node := node.(type) {
	case map[string]any:
		for name, child := range node {
			below := append(slices.Clone(path), name)
			if name == "schema" || slices.Equal(path, []string{"components", "schemas"}) {
				found(below...)
			} else {
				eachSchema(child, found, below...)
			}
		}
	case []any:
		for i, child := range node {
			eachSchema(child, found, append(slices.Clone(path), strconv.Itoa(i))...)
		}
	}
}

// checkJSON compares JSON text with the schema at a path.
func (a *api) checkJSON(t *testing.T, text string, path ...string) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Errorf("%q is not JSON: %v", text, err)
		return
	}
	a.check(t, value, path...)
}

// operations returns all operations, each as "METHOD path".
func (a *api) operations(t *testing.T) []string {
	t.Helper()
	var all []string
	paths, _ := a.node(t, "paths")
	for path, item := range paths {
		for method := range item.(map[string]any) {
			if method != "parameters" && method != "servers" {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(all)
	return all
}

// docs/openapi.yaml is valid by the OpenAPI Initiative's own schema (Apache-2.0), its
// schemas compile, and each component is used.
func TestOpenAPIIsValid(t *testing.T) {
	t.Parallel()
	a := readAPI(t)
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile("test/docs/testdata/openapi-3.1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(any(a.doc)); err != nil {
		t.Error(err)
	}
	eachSchema(a.doc, func(path ...string) { a.schema(t, path...) })
	text, _ := json.Marshal(a.doc) // it came from JSON
	for _, m := range regexp.MustCompile(`"\$ref":"#/([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		a.node(t, strings.Split(m[1], "/")...)
	}
	for _, kind := range []string{"parameters", "headers", "responses", "schemas"} {
		part, _ := a.node(t, "components", kind)
		for name := range part {
			if !bytes.Contains(text, fmt.Appendf(nil, `"#/components/%s/%s"`, kind, name)) {
				t.Errorf("nothing refers to %s %s", kind, name)
			}
		}
	}
}

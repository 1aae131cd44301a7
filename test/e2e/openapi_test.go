package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// notProvoked are the replies that are described but not seen here, and why.
var notProvoked = map[string]string{
	"503": "takes a Redis that is lost, or a server that is full or ends: see redis_test.go and access_test.go",

	"GET /typewriter/streams/{id} 429": "takes streams that last: see handler/limits_test.go",

	"default": "what the upstream answers passes: see forward_test.go",
}

// api is the description of our routes. Nodes in it have a path as a JSON pointer has.
type api struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
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
	a := &api{doc.(map[string]any), jsonschema.NewCompiler()}
	if err := a.compiler.AddResource("api.json", doc); err != nil {
		t.Fatal(err)
	}
	return a
}

// node is what is at a path, and where that is once references are followed.
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

// schema is the one at a path.
func (a *api) schema(t *testing.T, path ...string) *jsonschema.Schema {
	t.Helper()
	escaper := strings.NewReplacer("~", "~0", "/", "~1", " ", "%20", "{", "%7B", "}", "%7D")
	pointer := "api.json#"
	for _, name := range path {
		pointer += "/" + escaper.Replace(name)
	}
	schema, err := a.compiler.Compile(pointer)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// check compares a value with the schema at a path.
func (a *api) check(t *testing.T, value any, path ...string) {
	t.Helper()
	if err := a.schema(t, path...).Validate(value); err != nil {
		t.Errorf("%.300v is not as %s has it: %v", value, strings.Join(path, " "), err)
	}
}

// eachSchema finds the schemas below a path.
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

// checkJSON is check for a text of JSON.
func (a *api) checkJSON(t *testing.T, text string, path ...string) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Errorf("%q is not JSON: %v", text, err)
		return
	}
	a.check(t, value, path...)
}

// operations are "METHOD path".
func (a *api) operations(t *testing.T) []string {
	t.Helper()
	var all []string
	paths, _ := a.node(t, "paths")
	for path, item := range paths {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(all)
	return all
}

// The description is one, by the schema that the OpenAPI initiative gives (Apache-2.0),
// and so are the schemas in it.
func TestOpenAPIIsValid(t *testing.T) {
	a := readAPI(t)
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile("test/e2e/testdata/openapi-3.1.schema.json")
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

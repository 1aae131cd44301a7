package declarative

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// framings and kinds are the values of the settings of these names.
var (
	framings = map[string]upstream.Framing{"": upstream.SSE, "sse": upstream.SSE, "compact-sse": upstream.CompactSSE, "ndjson": upstream.NDJSON}
	kinds    = map[string]typewriter.TextKind{"": typewriter.Answer, "answer": typewriter.Answer, "reasoning": typewriter.Reasoning, "refusal": typewriter.Refusal}
)

// checker collects the faults of a description.
type checker struct{ faults []error }

// fail adds a fault of a setting.
func (c *checker) fail(setting, format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("%s: %w", setting, fmt.Errorf(format, args...)))
}

// check returns the faults of a description, one on each line.
func (d *Description) check() error {
	c := &checker{}
	if len(d.Paths) == 0 {
		c.fail("paths", "want the paths of requests, such as [/v1/chat]")
	}
	for i, path := range d.Paths {
		if !strings.HasPrefix(strings.TrimPrefix(path, "*"), "/") || slices.ContainsFunc(strings.Split(strings.TrimPrefix(path, "*"), "/"), isPartlyAny) {
			c.fail(at("paths", i), "%q: want a path such as /v1/chat, */chat for any prefix, or /v1/apps/*/chat for any segment", path)
		}
	}
	if _, ok := framings[d.Framing]; !ok {
		c.fail("framing", "%q: want sse, compact-sse or ndjson", d.Framing)
	}
	if !slices.Contains([]string{"", "no", "yes", "auto"}, d.Snapshots) {
		c.fail("snapshots", "%q: want no, yes or auto", d.Snapshots)
	}
	if d.MinInterval < 0 {
		c.fail("min-interval", "%v: want 0 or more", d.MinInterval)
	}
	if d.Incremental != nil && d.Snapshots != "auto" {
		c.fail("incremental", "want snapshots: auto with it")
	}
	d.checkTexts(c)
	d.checkFields(c, "first", d.First)
	d.checkFields(c, "last", d.Last)
	c.checkSigns("done", d.Done)
	c.checkSigns("error.signs", d.Error.Signs)
	d.checkTemplates(c)
	d.checkExamples(c)
	return errors.Join(c.faults...)
}

func at(setting string, i int) string { return fmt.Sprintf("%s[%d]", setting, i) }

// isPartlyAny reports whether a segment of a path has a * beside other characters.
func isPartlyAny(segment string) bool { return strings.Contains(segment, "*") && segment != "*" }

func (d *Description) checkTexts(c *checker) {
	if len(d.Texts) == 0 {
		c.fail("texts", "want the texts of events, such as [{path: data.answer}]")
	}
	for i, t := range d.Texts {
		setting := at("texts", i)
		if len(t.Path) == 0 {
			c.fail(setting, "path is missing: want the path of a text, such as data.answer")
		}
		if n := t.Path.lists(); n > maxLists {
			c.fail(setting, "path %s: want at most %d lists", t.Path, maxLists)
		}
		if _, ok := kinds[t.Kind]; !ok {
			c.fail(setting, "kind %q: want answer, reasoning or refusal", t.Kind)
		}
		if len(t.Types) > 0 && d.Type == nil && d.Framing == "ndjson" {
			c.fail(setting, "types: lines of JSON have no event names; want the path of an event's type in type")
		}
		c.checkSigns(setting+".unless", t.Unless)
	}
}

// checkFields reports fields outside of the objects with a text. Pieces have whole members of
// these objects.
func (d *Description) checkFields(c *checker, setting string, fields []Field) {
	for i, f := range fields {
		if len(f.Path) == 0 {
			c.fail(at(setting, i), "path is missing")
			continue
		}
		around := f.Path[:len(f.Path)-1]
		contains := func(text Path) bool { return len(text) > len(around) && slices.Equal(text[:len(around)], around) }
		if !slices.ContainsFunc(d.Texts, func(t Text) bool { return contains(t.Path) || contains(t.Twin) }) {
			c.fail(at(setting, i), "path %s: no text is in %s; want a member of an object that contains a text", f.Path, around)
		}
	}
}

func (c *checker) checkSigns(setting string, signs []Sign) {
	for i, s := range signs {
		n := 0
		for _, set := range []bool{s.Data != "", s.Type != "", s.Path != nil} {
			if set {
				n++
			}
		}
		if n != 1 {
			c.fail(at(setting, i), "want one of data, type and path")
		}
		if (s.Is != nil || s.Not != nil) && s.Path == nil || s.Is != nil && s.Not != nil {
			c.fail(at(setting, i), "want either is or not, with a path")
		}
		c.checkSigns(at(setting, i)+".unless", s.Unless)
	}
}

func (d *Description) checkTemplates(c *checker) {
	check := func(setting, template string, values map[string]any) {
		if template == "" {
			return
		}
		if err := checkTemplate(template, values); err != nil {
			c.fail(setting, "%w", err)
		}
	}
	check("error.data", d.Error.Data, errorValues(&upstream.Error{}, ""))
	check("error.body", d.Error.Body, errorValues(&upstream.Error{}, ""))
	for setting, r := range map[string]*Request{"ask": d.Ask, "stop": d.Stop} {
		if r == nil {
			continue
		}
		if !strings.HasPrefix(r.Path, "/") {
			c.fail(setting+".path", "%q: want a path such as /v1/chat", r.Path)
		}
		if setting == "ask" {
			check("ask.body", r.Body, Options{}.askValues(upstream.Question{}))
		} else {
			check("stop.body", r.Body, stopValues(""))
		}
	}
	if d.Stop != nil && d.Chat == nil {
		c.fail("stop", "want the path of the chat's id in chat")
	}
}

// checkExamples reports paths that no example has.
func (d *Description) checkExamples(c *checker) {
	if len(d.Examples) == 0 {
		return
	}
	var events []*tree
	for i, example := range d.Examples {
		if !gjson.Valid(example) {
			c.fail(at("examples", i), "%q is not JSON", example)
		}
		events = append(events, treeOf(gjson.Parse(example)))
	}
	for _, p := range d.exampledPaths() {
		exists := func(event *tree) bool { return event.first(p.path).Exists() }
		if len(p.path) > 0 && !slices.ContainsFunc(events, exists) {
			c.fail(p.setting, "no example has %s; %s", p.path, p.path.farthest(events))
		}
	}
	for i, t := range d.Texts {
		isText := func(event *tree) bool { return event.first(t.Path).Type == gjson.String }
		if v := slices.IndexFunc(events, func(e *tree) bool { return e.first(t.Path).Exists() }); v >= 0 && !slices.ContainsFunc(events, isText) {
			c.fail(at("texts", i), "%s is no string in the examples", t.Path)
		}
	}
}

// exampledPath is a path to be found in an example.
type exampledPath struct {
	setting string
	path    Path
}

// exampledPaths returns the paths to be found in an example.
func (d *Description) exampledPaths() []exampledPath {
	all := []exampledPath{{"type", d.Type}, {"chat", d.Chat}, {"usage.input", d.Usage.Input}, {"usage.output", d.Usage.Output}, {"usage.total", d.Usage.Total}}
	for i, t := range d.Texts {
		all = append(all, exampledPath{at("texts", i), t.Path}, exampledPath{at("texts", i) + ".twin", t.Twin})
		for j, p := range t.Channel {
			all = append(all, exampledPath{at(at("texts", i)+".channel", j), p})
		}
	}
	for setting, fields := range map[string][]Field{"first": d.First, "last": d.Last} {
		for i, f := range fields {
			all = append(all, exampledPath{at(setting, i), f.Path})
		}
	}
	return all
}

// farthest describes how far the path goes in any event.
func (p Path) farthest(events []*tree) string {
	for n := range slices.Backward(p) {
		for _, event := range events {
			at := event.root()
			if n > 0 {
				at = event.first(p[:n])
			}
			if !at.Exists() {
				continue
			}
			place := "the event"
			if n > 0 {
				place = p[:n].String()
			}
			if !at.IsObject() {
				return fmt.Sprintf("%s is %s", place, kindOf(at))
			}
			var names []string
			at.ForEach(func(key, _ gjson.Result) bool {
				names = append(names, key.Str)
				return true
			})
			return fmt.Sprintf("%s has %s", place, strings.Join(names, ", "))
		}
	}
	return "no example is an object"
}

// kindOf names the kind of a JSON value.
func kindOf(v gjson.Result) string {
	switch {
	case v.IsArray():
		return "a list"
	case v.Type == gjson.JSON:
		return "an object"
	case v.Type == gjson.String:
		return "a string"
	default:
		return v.Raw
	}
}

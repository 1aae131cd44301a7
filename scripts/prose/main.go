// Command prose measures the English of doc comments and Markdown files. For each Go
// package and each document it prints the number of words, the pronouns per 100 words, and
// the noun clauses that begin with "what" or "who" and a verb per 1,000 words. Plain text
// that names its subjects scores low: doc comments of the Go standard library have 1.6 to
// 3.1 pronouns and at most 0.5 clauses.
//
// Usage: go run ./scripts/prose [-tests] [-list] [directory ...]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	wordPattern    = regexp.MustCompile(`\pL[\pL\pN'’]*`)
	pronounPattern = regexp.MustCompile(`(?i)\b(it|its|that|what|which|one|so|who)\b`)
	// A word that ends in s is taken for a verb, except those of notVerb.
	clausePattern = regexp.MustCompile(`(?i)\b(what|who) ([a-z]+s|are|were|have|had|did|do|can|could|may|might|must|will|would|shall|should|came|went|stood)\b`)
	notVerb       = regexp.MustCompile(`(?i) (its|this|others)$`)
	// Code is not prose: fenced and indented blocks, code spans, HTML comments, link targets.
	codePattern = regexp.MustCompile("(?ms)^```.*?^```|<!--.*?-->|^(?:\t|    ).*?$|`+[^`\n]+`+|\\]\\([^)]*\\)|https?://[^\\s)]+")
)

// notProse names directories without documentation of this project.
var notProse = []string{"node_modules", "testdata", "texts"}

// count is the measure of one package or document.
type count struct {
	words, pronouns, clauses int
}

// measure adds the counts of text. With list set, measure prints each clause and its place.
func (c *count) measure(text, place string, list bool) {
	text = strings.Join(strings.Fields(codePattern.ReplaceAllString(text, " ")), " ")
	c.words += len(wordPattern.FindAllString(text, -1))
	c.pronouns += len(pronounPattern.FindAllString(text, -1))
	for _, at := range clausePattern.FindAllStringIndex(text, -1) {
		if notVerb.MatchString(text[at[0]:at[1]]) {
			continue
		}
		c.clauses++
		if list {
			fmt.Printf("%s: %s\n", place, text[max(0, at[0]-30):min(len(text), at[1]+30)])
		}
	}
}

func (c *count) add(other count) {
	c.words += other.words
	c.pronouns += other.pronouns
	c.clauses += other.clauses
}

func (c *count) print(name string) {
	words := float64(max(c.words, 1))
	fmt.Printf("%-32s %7d %9.1f %9.1f\n", name, c.words, 100*float64(c.pronouns)/words, 1000*float64(c.clauses)/words)
}

// report holds the counts by package directory or document path.
type report struct {
	tests, list bool
	packages    map[string]*count
	documents   map[string]*count
}

// walk measures all Go packages and English documents under root.
func (r *report) walk(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || slices.Contains(notProse, name)):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".md") && !strings.HasSuffix(name, "_CN.md"):
			text, err := os.ReadFile(path) //nolint:gosec // a document of this project
			r.documents[path] = &count{}
			r.documents[path].measure(string(text), path, r.list)
			return err
		case strings.HasSuffix(name, ".go") && (r.tests || !strings.HasSuffix(name, "_test.go")):
			return r.measureGo(path)
		}
		return nil
	})
}

// measureGo measures the doc comments of a file: of the package, declarations and fields.
func (r *report) measureGo(path string) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if r.packages[dir] == nil {
		r.packages[dir] = &count{}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.CommentGroup: // reached as the Doc or Comment of a declaration
			r.packages[dir].measure(node.Text(), files.Position(node.Pos()).String(), r.list)
		case *ast.BlockStmt:
			return false // comments inside functions are not documentation
		}
		return true
	})
	return nil
}

// printSection prints counts sorted by name, and their total.
func printSection(section string, counts map[string]*count) {
	fmt.Printf("%-32s %7s %9s %9s\n", section, "words", "pron/100", "cl/1000")
	var total count
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		counts[name].print(name)
		total.add(*counts[name])
	}
	total.print("total")
}

func main() {
	r := report{packages: map[string]*count{}, documents: map[string]*count{}}
	flag.BoolVar(&r.tests, "tests", false, "include _test.go files")
	flag.BoolVar(&r.list, "list", false, "print each clause with its position")
	flag.Parse()
	for i := range max(flag.NArg(), 1) {
		if err := r.walk(cmp.Or(flag.Arg(i), ".")); err != nil {
			fmt.Fprintln(os.Stderr, "prose:", err)
			os.Exit(1)
		}
	}
	printSection("doc comments", r.packages)
	fmt.Println()
	printSection("documents", r.documents)
}

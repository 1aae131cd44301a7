package markdown

import (
	"bytes"
	"fmt"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Bounds of the output. GFM pads short table rows with empty cells, and a reference link
// repeats the address of its definition: without a bound, the HTML grows with the square
// of the source. cmark-gfm has the same two bounds (MAX_AUTOCOMPLETED_CELLS in
// extensions/table.c, max_ref_size in src/blocks.c).
const (
	maxPaddedCells    = 10_000
	maxReferenceBytes = 100_000 // addresses and titles, summed over all reference links
	maxOutputBytes    = 16 * MaxBytes
)

var (
	errCells      = fmt.Errorf("%w: its table rows lack more than %d cells", ErrTooLong, maxPaddedCells)
	errReferences = fmt.Errorf("%w: its reference links repeat more than %d bytes of addresses", ErrTooLong, maxReferenceBytes)
	errOutput     = fmt.Errorf("%w: its HTML exceeds %d bytes", ErrTooLong, maxOutputBytes)
)

// budget holds the remaining bounds while one text is parsed.
type budget struct {
	cells, references int

	err error // the first bound that was exceeded
}

// budgetKey is the key of the *budget in the parser's context.
var budgetKey = parser.NewContextKey()

func budgetOf(state parser.Context) *budget { return state.Get(budgetKey).(*budget) }

// spendCells reports whether a paragraph may become a table.
func (b *budget) spendCells(paragraph *text.Segments, source []byte) bool {
	if b.err != nil {
		return false
	}
	if b.cells -= paddedCells(paragraph, source); b.cells < 0 {
		b.err = errCells
	}
	return b.err == nil
}

// spendReferences reports whether the links and images of a text may be resolved.
func (b *budget) spendReferences(links []ast.Node) bool {
	for _, n := range links {
		switch n := n.(type) {
		case *ast.Link:
			if n.Reference != nil {
				b.references -= len(n.Destination) + len(n.Title)
			}
		case *ast.Image:
			if n.Reference != nil {
				b.references -= len(n.Destination) + len(n.Title)
			}
		}
	}
	if b.references < 0 && b.err == nil {
		b.err = errReferences
	}
	return b.err == nil
}

// paddedCells returns how many empty cells a paragraph gets at most if it becomes a
// table. Any possible delimiter row may determine the number of columns.
func paddedCells(paragraph *text.Segments, source []byte) int {
	n := paragraph.Len()
	cells := make([]int, n) // by line
	most := 0
	for i := n - 1; i >= 0; i-- {
		segment := paragraph.At(i)
		line := bytes.TrimSpace(segment.Value(source))
		cells[i] = countCells(line)
		if !mayDelimit(line) {
			continue
		}
		padded := 0
		for _, has := range cells[i+1:] {
			padded += max(0, cells[i]-has)
		}
		most = max(most, padded)
	}
	return most
}

// countCells returns the number of cells of a table row. A leading or trailing bar does not
// start a cell.
func countCells(row []byte) int {
	row = bytes.TrimPrefix(row, []byte("|"))
	row = bytes.TrimSuffix(row, []byte("|"))
	return bytes.Count(row, []byte("|")) + 1
}

// mayDelimit reports whether a line may be the delimiter row of a table.
func mayDelimit(line []byte) bool {
	for _, b := range line {
		if !util.IsSpace(b) && b != '|' && b != ':' && b != '-' {
			return false
		}
	}
	return bytes.IndexByte(line, '-') >= 0
}

// tables is GFM's table extension with a bound of padded cells. The priorities equal those of
// goldmark's own extension.
type tables struct{}

// Extend implements [goldmark.Extender].
func (tables) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(
		parser.WithParagraphTransformers(util.Prioritized(tableTransformer{extension.NewTableParagraphTransformer()}, 200)),
		parser.WithASTTransformers(util.Prioritized(extension.NewTableASTTransformer(), 0)),
	)
	m.Renderer().AddOptions(renderer.WithNodeRenderers(util.Prioritized(
		extension.NewTableHTMLRenderer(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), // a style would be inline
		500,
	)))
}

// tableTransformer converts paragraphs to tables within the budget.
type tableTransformer struct{ parser.ParagraphTransformer }

// Transform implements [parser.ParagraphTransformer].
func (t tableTransformer) Transform(paragraph *ast.Paragraph, reader text.Reader, state parser.Context) {
	if budgetOf(state).spendCells(paragraph.Lines(), reader.Source()) {
		t.ParagraphTransformer.Transform(paragraph, reader, state)
	}
}

// limitedBuffer collects HTML. Writes beyond maxOutputBytes fail.
type limitedBuffer struct{ html []byte }

// Write implements [io.Writer].
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if len(b.html)+len(p) > maxOutputBytes {
		return 0, errOutput
	}
	b.html = append(b.html, p...)
	return len(p), nil
}

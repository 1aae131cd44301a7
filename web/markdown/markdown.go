// Package markdown converts untrusted Markdown of an AI to HTML that is safe to embed in a
// page: without scripts, styles, loaded resources or unsafe links. HTML in the source is
// escaped.
package markdown

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Bounds of the source, in bytes. Parsing takes quadratic time in the length of a stretch
// without a blank line, for example to find the ends of links.
const (
	MaxBytes   = 128 << 10
	maxStretch = 16 << 10
)

// ErrTooLong is returned for a text that exceeds a bound. The error names the bound.
var ErrTooLong = errors.New("text is too long")

var errSource = fmt.Errorf("%w: want at most %d bytes, and at most %d without a blank line", ErrTooLong, MaxBytes, maxStretch)

// lineAttribute is the attribute of top-level elements with their first line in the source,
// counted from 0.
const lineAttribute = "data-line"

// converter supports GFM's tables, strikethrough and bare links. Without parsers for HTML,
// tags are plain text. Newlines are hard breaks, as in the text during typing.
var converter = goldmark.New(
	goldmark.WithParser(parser.NewParser(
		parser.WithBlockParsers(without(parser.DefaultBlockParsers(), parser.NewHTMLBlockParser())...),
		parser.WithInlineParsers(without(parser.DefaultInlineParsers(), parser.NewRawHTMLParser())...),
		parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
		parser.WithASTTransformers(util.Prioritized(transformer{}, 1000)),
	)),
	goldmark.WithRendererOptions(html.WithHardWraps()),
	goldmark.WithExtensions(
		tables{},
		extension.Strikethrough,
		extension.NewLinkify(extension.WithLinkifyAllowedProtocols([]string{"http:", "https:"})),
	),
)

func without(parsers []util.PrioritizedValue, unwanted any) []util.PrioritizedValue {
	return slices.DeleteFunc(parsers, func(p util.PrioritizedValue) bool { return p.Value == unwanted })
}

// HTML returns the HTML for a text in Markdown, or [ErrTooLong].
func HTML(source []byte) ([]byte, error) {
	if len(source) > MaxBytes || longestStretch(source) > maxStretch {
		return nil, errSource
	}
	left := &budget{cells: maxPaddedCells, references: maxReferenceBytes}
	state := parser.NewContext()
	state.Set(budgetKey, left)
	doc := converter.Parser().Parse(text.NewReader(source), parser.WithContext(state))
	if left.err != nil {
		return nil, left.err
	}
	var out limitedBuffer
	if err := converter.Renderer().Render(&out, source, doc); err != nil {
		return nil, err
	}
	return out.html, nil
}

// longestStretch returns the size of the largest part of source without a blank line.
func longestStretch(source []byte) int {
	longest, stretch := 0, 0
	for line := range bytes.Lines(source) {
		stretch += len(line)
		if len(bytes.TrimSpace(line)) == 0 {
			stretch = 0
		}
		longest = max(longest, stretch)
	}
	return longest
}

// transformer removes unsafe links and replaces images by links. Loading an image would
// reveal the reader to its server.
type transformer struct{}

// Transform implements [parser.ASTTransformer].
func (transformer) Transform(doc *ast.Document, reader text.Reader, state parser.Context) {
	source := reader.Source()
	number(doc, source)
	var found []ast.Node
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n.(type) {
		case *ast.Link, *ast.Image, *ast.AutoLink:
			if !entering { // inner nodes first
				found = append(found, n)
			}
		}
		return ast.WalkContinue, nil
	})
	if !budgetOf(state).spendReferences(found) {
		return
	}
	for _, n := range found {
		switch n := n.(type) {
		case *ast.AutoLink:
			if n.AutoLinkType == ast.AutoLinkURL && !isSafe(n.URL(source)) {
				replace(n, ast.NewString(n.Label(source)))
				continue
			}
			mark(n)
		case *ast.Link:
			if !isSafe(n.Destination) {
				unwrap(n)
				continue
			}
			mark(n)
		case *ast.Image:
			linkImage(n)
		}
	}
}

// number sets the lineAttribute of top-level blocks.
func number(doc *ast.Document, source []byte) {
	line, from := 0, 0
	for block := doc.FirstChild(); block != nil; block = block.NextSibling() {
		leaf := block
		for leaf.HasChildren() && leaf.FirstChild().Type() == ast.TypeBlock {
			leaf = leaf.FirstChild()
		}
		if leaf.Lines().Len() == 0 {
			continue // unknown position
		}
		at := leaf.Lines().At(0).Start
		if at < from {
			continue
		}
		line += bytes.Count(source[from:at], []byte("\n"))
		from = at
		block.SetAttributeString(lineAttribute, strconv.Itoa(line))
	}
}

// mark makes a link open a new page without a referrer.
func mark(link ast.Node) {
	link.SetAttributeString("rel", "noopener noreferrer nofollow")
	link.SetAttributeString("target", "_blank")
}

// linkImage replaces an image by a link to its address, or by its description if the address
// is unsafe or the image is part of a link.
func linkImage(image *ast.Image) {
	inLink := false
	for n := image.Parent(); n != nil; n = n.Parent() {
		inLink = inLink || n.Kind() == ast.KindLink
	}
	for n := image.FirstChild(); n != nil; n = n.NextSibling() {
		inLink = inLink || n.Type() == ast.TypeInline && n.Kind() != ast.KindText
	}
	if inLink || !isSafe(image.Destination) {
		unwrap(image)
		return
	}
	link := ast.NewLink()
	link.Destination = image.Destination
	mark(link)
	if !image.HasChildren() {
		link.AppendChild(link, ast.NewString(image.Destination))
	}
	for n := image.FirstChild(); n != nil; n = image.FirstChild() {
		link.AppendChild(link, n)
	}
	replace(image, link)
}

func replace(n, by ast.Node) { n.Parent().ReplaceChild(n.Parent(), n, by) }

// unwrap replaces a node by its children.
func unwrap(n ast.Node) {
	parent := n.Parent()
	for child := n.FirstChild(); child != nil; child = n.FirstChild() {
		parent.InsertBefore(parent, n, child)
	}
	parent.RemoveChild(parent, n)
}

// isSafe reports whether a link may have the destination, as written in the source.
func isSafe(destination []byte) bool {
	resolved := string(util.URLEscape(destination, true)) // as the renderer does
	if strings.HasPrefix(resolved, "#") {
		return true
	}
	u, err := url.Parse(resolved)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != ""
	default:
		return u.Scheme == "mailto"
	}
}

package responses

import (
	"sse-typewriter/mock/openai"
)

// itemWriter writes an item of the output, whose only part has a text.
type itemWriter struct {
	*script
	item  item
	index int    // in the output
	kind  string // the type of the text
	text  string

	annotations []annotation
}

// begin begins an item.
func (s *script) begin(i item) *itemWriter {
	w := &itemWriter{script: s, item: i, index: len(s.response.Output)}
	s.add(event{Type: "response.output_item.added", OutputIndex: &w.index, Item: &i})
	return w
}

// beginMessage begins a message with a text of a type.
func (s *script) beginMessage(kind string) *itemWriter {
	w := s.begin(item{ID: s.id("msg"), Type: "message", Status: statusInProgress, Role: "assistant", Content: &[]part{}})
	w.kind = kind
	w.beginPart()
	return w
}

// event returns an event about the part.
func (w *itemWriter) event(eventType string) event {
	e := event{Type: "response." + eventType, ItemID: w.item.ID, OutputIndex: &w.index}
	if w.kind == bySummary {
		e.SummaryIndex = new(int)
	} else {
		e.ContentIndex = new(int)
	}
	return e
}

// part returns the part with its text so far.
func (w *itemWriter) part() part {
	text := w.text
	switch w.kind {
	case bySummary:
		return part{Type: "summary_text", Text: &text}
	case "refusal":
		return part{Type: w.kind, Refusal: &text}
	case "output_text":
		annotations := append([]annotation{}, w.annotations...)
		return part{Type: w.kind, Text: &text, Annotations: &annotations, Logprobs: &[]openai.Token{}}
	default:
		return part{Type: w.kind, Text: &text}
	}
}

// addPart writes an event with the part.
func (w *itemWriter) addPart(change string) {
	name := "content_part."
	if w.kind == bySummary {
		name = "reasoning_summary_part."
	}
	e, p := w.event(name+change), w.part()
	e.Part = &p
	w.add(e)
}

func (w *itemWriter) beginPart() { w.addPart("added") }

// say writes pieces of the text.
func (w *itemWriter) say(text string) {
	for _, piece := range w.tempo.Pieces(w.rng, text) {
		w.speak(piece)
		e := w.event(w.kind + ".delta")
		e.Delta, e.Obfuscation = piece, w.padding()
		if w.kind == "output_text" {
			e.Logprobs = w.tokens(piece)
		}
		w.add(e)
	}
	w.text += text
}

// tokens returns the probabilities of a piece, which are empty unless the client asks for
// them.
func (w *itemWriter) tokens(piece string) *[]openai.Token {
	tokens := []openai.Token{}
	if w.logprobs {
		tokens = append(tokens, openai.NewToken(piece))
	}
	return &tokens
}

// annotate writes an annotation of the text so far.
func (w *itemWriter) annotate(url string) {
	end := len([]rune(w.text))
	a := annotation{Type: "url_citation", Start: max(end-8, 0), End: end, URL: url, Title: "An example"}
	e, index := w.event("output_text.annotation.added"), len(w.annotations)
	e.Annotation, e.AnnotationIndex = &a, &index
	w.add(e)
	w.annotations = append(w.annotations, a)
}

// end completes the text, the part and the item.
func (w *itemWriter) end() {
	e := w.event(w.kind + ".done")
	if w.kind == "refusal" {
		e.Refusal = w.text
	} else {
		e.Text = w.text
	}
	if w.kind == "output_text" {
		e.Logprobs = &[]openai.Token{}
	}
	w.add(e)
	w.addPart("done")
	parts := []part{w.part()}
	if w.kind == bySummary {
		w.item.Summary = &parts
	} else {
		w.item.Content = &parts
	}
	w.finish()
}

// finish completes the item.
func (w *itemWriter) finish() {
	if w.item.Status != "" {
		w.item.Status = statusCompleted
	}
	w.response.Output = append(w.response.Output, w.item)
	done := w.item
	w.add(event{Type: "response.output_item.done", OutputIndex: &w.index, Item: &done})
}

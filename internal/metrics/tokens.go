package metrics

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// maxModels bounds the values of the label "model". The names come from services, some of
// which repeat the name in a client's request.
const maxModels = 100

// maxModelName bounds the length of such a value in bytes.
const maxModelName = 100

// Values of the label "model" for other names.
const (
	otherModel   = "other"   // beyond the bounds
	unknownModel = "unknown" // the service names no model
)

// TokenCount is a number of tokens. Total counts only if the others are 0.
type TokenCount struct{ Input, Output, Total int }

// tokens counts tokens by upstream and model.
type tokens struct {
	counter *prometheus.CounterVec

	mu     sync.Mutex
	models map[string]bool
}

func newTokens() *tokens {
	return &tokens{
		counter: counters("tokens_total", "Tokens as reported by the services, by type.", "upstream", "model", "type"),
		models:  map[string]bool{},
	}
}

// Tokens counts the tokens of an answer of an upstream. model may be empty, and is bounded.
func (m *Metrics) Tokens(upstream, model string, n TokenCount) {
	label := m.tokens.label(model)
	add := func(kind string, n int) {
		if n > 0 { // a counter panics at negative numbers
			m.tokens.counter.WithLabelValues(upstream, label, kind).Add(float64(n))
		}
	}
	add("input", n.Input)
	add("output", n.Output)
	if n.Input == 0 && n.Output == 0 {
		add("total", n.Total)
	}
}

// label returns the value of the label for a model.
func (t *tokens) label(model string) string {
	model = strings.ToValidUTF8(model, "\uFFFD")
	switch {
	case model == "":
		return unknownModel
	case len(model) > maxModelName:
		return otherModel
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.models[model] {
		if len(t.models) == maxModels {
			return otherModel
		}
		t.models[model] = true
	}
	return model
}

package dify

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// maxSeen bounds the remembered events. A workflow has two events for each run of a node.
const maxSeen = 10000

// recovery implements [upstream.Recovery]. The service continues the run of a workflow or a
// chatflow when the stream is cut. The events of the run can be requested, but without the
// text of the meantime: the end of the run has the whole text. Other apps have no such
// requests.
type recovery struct {
	task
	ids
	seen          map[string]bool // events about nodes
	isFinished    bool
	hasMessageEnd bool

	text      *jsontext.Digest // of the answer so far
	last      upstream.Event   // the last event with a text of the answer, without the text
	ambiguous bool             // clients may disagree about the text
}

func newRecovery(c *upstream.Client, opening upstream.Opening) upstream.Recovery {
	return &recovery{task: newTask(c, opening), seen: map[string]bool{}, text: &jsontext.Digest{}}
}

// Add implements [upstream.Recovery].
func (r *recovery) Add(e upstream.Event) {
	m := e.Meaning
	r.isFinished = r.isFinished || m.Phase != upstream.Running
	r.learn(m)
	switch {
	case e.Frame == nil:
	case m.Kind == upstream.KindText && e.Frame.Kind == typewriter.Answer:
		r.text.Add(e.Text)
		r.last = upstream.Event{Event: typewriter.Event{Frame: e.Frame}, Meaning: m}
	case m.Kind == upstream.KindText:
	case m.Kind == upstream.KindPiece:
		r.ambiguous = true
	default:
		r.note(gjson.Parse(e.Frame.Head))
	}
}

// note adds an event without text.
func (r *recovery) note(event gjson.Result) {
	switch event.Get("event").Str {
	case eventMessageReplace:
		r.replace(event.Get("answer"))
	case eventTextReplace:
		r.replace(event.Get("data.text"))
	case eventMessageEnd:
		r.hasMessageEnd = true
	default:
		if key := keyOf(event); key != "" && len(r.seen) < maxSeen {
			r.seen[key] = true
		}
	}
}

// replace replaces the answer so far.
func (r *recovery) replace(text gjson.Result) {
	r.text = &jsontext.Digest{}
	if text.Type == gjson.String {
		r.text.Add(text.Raw[1 : len(text.Raw)-1])
	}
}

// keyOf returns the name of an event about a workflow or a node, with the id of the run of the
// node, or "".
func keyOf(event gjson.Result) string {
	id := event.Get("data.id").Str
	if id == "" {
		return ""
	}
	return event.Get("event").Str + " " + id + " " + event.Get("data.index").Raw
}

// IsFinished implements [upstream.Recovery].
func (r *recovery) IsFinished() bool { return r.isFinished }

// Rest implements [upstream.Recovery].
func (r *recovery) Rest(ctx context.Context) iter.Seq2[upstream.Event, error] {
	if r.run == "" || r.pattern == "" {
		return upstream.NoRest
	}
	return upstream.RestInAttempts(ctx, func(yield func(upstream.Event) bool) (isAhead bool, err error) {
		before := len(r.seen)
		err = r.proceed(ctx, yield)
		return len(r.seen) > before, err
	})
}

// rest is the format of the events of a run. A failure is not part of the stream.
var rest = &upstream.Format{
	Name:        "dify",
	NewDecoder:  func() upstream.Decoder { return &decoder{inWorkflow: true} },
	ReadError:   readError,
	ErrorEvents: func(*upstream.Error, upstream.Sent) []typewriter.Event { return nil },
}

// proceed yields the missing events up to the end of the stream, or until yield returns
// false. An error interrupts the events.
func (r *recovery) proceed(ctx context.Context, yield func(upstream.Event) bool) error {
	reply, err := r.events(ctx, r.run)
	if err != nil {
		return err
	}
	defer reply.Close()
	if reply.Status == http.StatusNotFound {
		return r.awaitEnd(ctx, yield)
	}
	if !reply.IsStream() {
		return upstream.NewReplyError(reply.Status, reply.ReadError())
	}
	events, failure := reply.Events()
	var end *upstream.Event // of the message
	for e := range events {
		switch event := gjson.Parse(e.Payload()); {
		case e.Meaning.Kind == upstream.KindText || e.Meaning.Kind == upstream.KindPiece:
			// The text of the meantime is unknown.
		case event.Get("event").Str == eventMessageEnd:
			end = &e
		case event.Get("event").Str == eventWorkflowFinished:
			for _, e := range r.ending(e, event, end) {
				if !yield(e) {
					return nil
				}
			}
			return nil
		case r.seen[keyOf(event)]:
		default:
			r.Add(e)
			if !yield(e) || r.isFinished {
				return nil
			}
		}
	}
	if failed := failure(); failed != nil {
		return failed
	}
	return errEndless
}

// awaitEnd waits for the end of the run, and yields the missing events.
func (r *recovery) awaitEnd(ctx context.Context, yield func(upstream.Event) bool) error {
	backoff := upstream.Backoff{Longest: upstream.LongestPause}
	for {
		state, err := r.state(ctx, r.run)
		if err != nil {
			return err
		}
		if status := state.Get("status").Str; status != "running" && status != "paused" {
			finished := (&decoder{}).Decode("", r.workflowFinished(endOf(state)))
			for _, e := range r.ending(finished, gjson.Parse(finished.Frame.Head), nil) {
				if !yield(e) {
					break
				}
			}
			return nil
		}
		if err := backoff.Wait(ctx); err != nil {
			return err
		}
	}
}

// endOf returns the data of the end of a workflow, given the state of the run. Some versions of
// the service have the outputs in a string.
func endOf(state gjson.Result) map[string]json.RawMessage {
	data := map[string]json.RawMessage{}
	state.ForEach(func(key, value gjson.Result) bool {
		raw := value.Raw
		if key.Str == "outputs" && value.Type == gjson.String && gjson.Valid(value.Str) {
			raw = value.Str
		}
		if key.Str != "inputs" {
			data[key.Str] = json.RawMessage(raw)
		}
		return true
	})
	return data
}

// errEndless reports a stream of a run without the end of the run.
var errEndless = errors.New("the run has not finished")

// ending returns the last events of a stream: the rest of the text or its replacement, the end
// of the message of a chatflow, and the end of the workflow.
func (r *recovery) ending(finished upstream.Event, event gjson.Result, end *upstream.Event) []upstream.Event {
	var events []upstream.Event
	outputs := event.Get("data.outputs")
	if e, ok := r.remainingText(outputs); ok {
		events = append(events, e)
	} else if e, ok := r.replacement(outputs.Get("answer")); ok {
		events = append(events, e)
	}
	switch {
	case r.hasMessageEnd || r.message == "":
	case end != nil:
		events = append(events, *end)
	default: // the service does not repeat it
		events = append(events, upstream.Pass("", r.messageEnd(), &upstream.Meaning{Kind: upstream.KindMessageDone}))
	}
	return append(events, finished)
}

// remainingText returns the rest of the answer, given the outputs of the workflow. The output
// that begins with the text so far is the answer: of a chatflow the one named answer, of a
// workflow any other, if there is only one.
func (r *recovery) remainingText(outputs gjson.Result) (e upstream.Event, ok bool) {
	if r.ambiguous {
		return upstream.Event{}, false
	}
	rest, found := "", 0
	outputs.ForEach(func(name, value gjson.Result) bool {
		if value.Type != gjson.String || r.message != "" && name.Str != "answer" {
			return true
		}
		full, high := jsontext.Unescape(nil, value.Raw[1:len(value.Raw)-1], 0)
		if more, ok := r.text.Rest(jsontext.AppendSurrogate(full, high)); ok {
			rest = more
			found++
		}
		return true
	})
	if found != 1 || rest == "" {
		return upstream.Event{}, false
	}
	if e = r.last; e.Frame == nil {
		if e, ok = r.firstText(); !ok {
			return upstream.Event{}, false
		}
	}
	e.Text = rest
	return e, true
}

// replacement returns an event that replaces the text of a chatflow by the whole answer, if the
// answer is another text.
func (r *recovery) replacement(full gjson.Result) (e upstream.Event, ok bool) {
	if r.message == "" || full.Type != gjson.String || full.Str == "" {
		return upstream.Event{}, false
	}
	if _, begins := r.text.Rest([]byte(full.Str)); begins && !r.ambiguous {
		return upstream.Event{}, false
	}
	return (&decoder{}).Decode("", r.messageReplace(full.Str)), true
}

// firstText returns an event for the text of a chatflow without text so far. A workflow has
// no such event, because the node with the text is unknown.
func (r *recovery) firstText() (e upstream.Event, ok bool) {
	if r.message == "" {
		return upstream.Event{}, false
	}
	return (&decoder{}).Decode("", r.answer("x")), true
}

package house

import (
	"context"
	"iter"

	"github.com/tidwall/gjson"

	"sse-typewriter/upstream"
)

// decoder implements [upstream.Decoder] for recorded streams: no service sends this format.
// Text is not typed again, so a delta is of KindPiece.
type decoder struct{}

// Decode implements [upstream.Decoder].
func (decoder) Decode(name, data string) upstream.Event {
	switch name {
	case eventDelta:
		m := &upstream.Meaning{Kind: upstream.KindPiece}
		for field, kind := range kinds {
			if v := gjson.Get(data, fields[field]); v.Type == gjson.String {
				m.Texts = append(m.Texts, upstream.Text{Kind: kind, Channel: fields[field], Text: v.Raw[1 : len(v.Raw)-1]})
			}
		}
		return upstream.Pass(name, data, m)
	case eventCompleted:
		return upstream.Pass(name, data, &upstream.Meaning{Kind: upstream.KindCompleted})
	case eventError:
		failure := upstream.ServiceError(gjson.Get(data, "msg").String(), "")
		failure.Code = int(gjson.Get(data, "code").Int())
		failure.Reason = upstream.ReasonOf(failure.Code)
		return errorEvent(failure)
	case eventDone:
		return done
	default:
		return upstream.Pass(name, data, nil)
	}
}

// recovery implements [upstream.Recovery] for a replica that continues a recorded stream:
// only the final event can be restored.
type recovery struct{ isComplete, isOver bool }

// Add implements [upstream.Recovery].
func (r *recovery) Add(e upstream.Event) {
	r.isComplete = r.isComplete || e.Meaning.Kind == upstream.KindCompleted
	r.isOver = r.isOver || e.Meaning.Phase == upstream.Done
}

// IsFinished implements [upstream.Recovery].
func (r *recovery) IsFinished() bool { return r.isOver }

// Rest implements [upstream.Recovery].
func (r *recovery) Rest(context.Context) iter.Seq2[upstream.Event, error] {
	if !r.isComplete {
		return upstream.NoRest
	}
	return func(yield func(upstream.Event, error) bool) { yield(done, nil) }
}

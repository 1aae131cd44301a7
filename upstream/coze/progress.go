package coze

import (
	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// maxMessages bounds the messages of a recoverable stream. A chat has about a dozen.
const maxMessages = 1000

// progress tracks the part of a chat that a stream has delivered, without the text. The zero
// value is the progress of a stream without events.
type progress struct {
	chat     upstream.Chat
	messages map[string]*messageProgress // by id

	begun    bool // the stream has the beginning of the chat
	ended    bool // the stream has the end of the chat
	finished bool // the stream has ended

	unattributed bool // text arrived whose message is unknown
	overflowed   bool // there are more than maxMessages messages

	meaning *upstream.Meaning // of the last typed delta
	text    *textProgress     // of the last typed delta; nil if the message is unknown
}

// messageProgress tracks a message.
type messageProgress struct {
	completed bool
	ambiguous bool // clients may disagree about the texts
	texts     [textFields]textProgress
}

// textProgress tracks a text of a message.
type textProgress struct {
	jsontext.Digest
	last upstream.Event // the last typed delta; its frame may be nil
}

// canRecover reports whether the service can be asked for the rest of the stream.
func (p *progress) canRecover() bool { return p.chat.IsKnown() && !p.overflowed }

// add adds the next event.
func (p *progress) add(e upstream.Event) {
	m := e.Meaning
	if !p.chat.IsKnown() {
		p.chat = m.Chat
	}
	switch m.Kind {
	case upstream.KindText:
		p.addText(e)
	case upstream.KindPiece:
		p.addPiece(m)
	case upstream.KindMessageDone:
		if known := p.message(m.Message); known != nil {
			known.completed = true
		}
	case upstream.KindCreated:
		p.begun = true
	case upstream.KindCompleted, upstream.KindNeedsTool:
		p.ended = true
	case upstream.KindFailed:
		if e.Frame.Name == eventChatFailed {
			p.ended = true
		} else {
			p.finished = true
		}
	case upstream.KindDone:
		p.finished = true
	}
}

func (p *progress) addText(e upstream.Event) {
	if e.Meaning != p.meaning {
		p.meaning, p.text = e.Meaning, nil
		message := e.Meaning.Message
		if e.Frame.Number > 0 {
			message = "" // the id is the decoder's own and differs for each event
		}
		if m := p.message(message); m != nil {
			p.text = &m.texts[e.Frame.Kind]
			p.text.last = e
			p.text.last.Text = ""
		} else {
			p.unattributed = true
		}
	}
	if p.text != nil {
		p.text.Add(e.Text)
	}
}

// addPiece adds the texts of an undivided delta: clients have read these texts too.
func (p *progress) addPiece(piece *upstream.Meaning) {
	if len(piece.Texts) == 0 && !piece.Ambiguous {
		return
	}
	m := p.message(piece.Message)
	if m == nil {
		p.unattributed = true
		return
	}
	for _, t := range piece.Texts {
		m.texts[t.Kind].Add(t.Text)
	}
	m.ambiguous = m.ambiguous || piece.Ambiguous
}

// message returns the progress of a message. Without an id or a known chat, message returns
// nil: such a stream has no recovery and takes no memory.
func (p *progress) message(id string) *messageProgress {
	if id == "" || !p.chat.IsKnown() {
		return nil
	}
	m := p.messages[id]
	switch {
	case m != nil:
	case len(p.messages) == maxMessages:
		p.overflowed = true
	default:
		if p.messages == nil {
			p.messages = make(map[string]*messageProgress)
		}
		m = &messageProgress{}
		p.messages[id] = m
	}
	return m
}

// textKinds are the kinds of text in the order of a stream.
var textKinds = []typewriter.TextKind{typewriter.Reasoning, typewriter.Answer}

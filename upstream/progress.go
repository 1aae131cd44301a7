package upstream

import (
	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsontext"
	"sse-typewriter/typewriter"
)

// maxMessages bounds the messages of a stream that can be recovered. A chat has a
// dozen.
const maxMessages = 1000

// progress is what is known of a stream that may have to be recovered: how far each
// of its messages has come. It keeps no text. The zero value is that of a stream with
// no events. It is not safe for concurrent use.
type progress struct {
	chat     chatRef
	messages map[string]*messageProgress // by id

	begun    bool // the stream has told the chat's beginning
	ended    bool // and its end
	finished bool // nothing may follow any more

	unattributed bool // text came of a message that is not known
	overflowed   bool // there were too many messages to know them all

	frame  *typewriter.Frame // the last one that was text, and
	digest *textProgress     // where its text goes; nil: nowhere
}

// messageProgress is how far a message has come.
type messageProgress struct {
	completed bool
	ambiguous bool // it is not known what a client takes its texts for
	texts     [textFields]textProgress
}

// canRecover reports whether the rest of the stream can be asked for.
func (p *progress) canRecover() bool { return p.chat.isKnown() && !p.overflowed }

// add takes the next event. It reports whether that has named the stream's chat.
func (p *progress) add(e typewriter.Event) (named bool) {
	named = !p.chat.isKnown()
	if e.Frame.IsText() {
		p.addText(e)
	} else {
		p.addWhole(e.Frame.Name, e.Frame.Head)
	}
	return named && p.chat.isKnown()
}

func (p *progress) addText(e typewriter.Event) {
	if e.Frame != p.frame {
		p.frame, p.digest = e.Frame, nil
		id, chat := parseIDs(e.Frame.Name, e.Frame.Head+e.Frame.Tail)
		p.setChat(chat)
		if e.Frame.Number > 0 {
			id = "" // it is ours, and another in each event
		}
		if m := p.message(id); m != nil {
			p.digest = &m.texts[fieldOf(e.Frame)]
			p.digest.frame = e.Frame
		} else {
			p.unattributed = true
		}
	}
	if p.digest != nil {
		p.digest.Add(e.Text)
	}
}

func (p *progress) addWhole(name, data string) {
	if data == doneData || data == "[DONE]" {
		p.finished = true
	}
	switch name {
	case eventDone, eventStudioDone, eventError:
		p.finished = true
	case eventChatCreated:
		p.begun = true
	case eventChatCompleted, eventChatFailed, eventRequiresAction:
		p.ended = true
	}
	told := name == eventDelta || name == eventCompleted // of a message
	if p.chat.isKnown() && !told || !gjson.Valid(data) {
		return
	}
	id, chat := parseIDs(name, data)
	p.setChat(chat)
	switch name {
	case eventDelta:
		p.addDelta(id, readDelta(data))
	case eventCompleted:
		if m := p.message(id); m != nil {
			m.completed = true
		}
	}
}

// addDelta takes a delta that passed in one piece: what a client has read of it counts
// all the same.
func (p *progress) addDelta(id string, f deltaFields) {
	content, reasoning := rawString(f.content), rawString(f.reasoning)
	if content == "" && reasoning == "" && !f.repeated {
		return
	}
	m := p.message(id)
	if m == nil {
		p.unattributed = true
		return
	}
	m.texts[fieldContent].Add(content)
	m.texts[fieldReasoning].Add(reasoning)
	m.ambiguous = m.ambiguous || f.repeated // clients differ in which of the two they take
}

// setChat takes a chat's setChat from the first event that tells all of it.
func (p *progress) setChat(chat chatRef) {
	if !p.chat.isKnown() && chat.isKnown() {
		p.chat = chat
	}
}

// message returns a message's progress; nil if it has no id, or is of no chat: such a
// stream cannot be recovered and shall cost nothing.
func (p *progress) message(id string) *messageProgress {
	if id == "" || !p.chat.isKnown() {
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

// textProgress is how far one text of a message has come.
type textProgress struct {
	jsontext.Digest
	frame *typewriter.Frame // of the last delta that was typed; may be nil
}

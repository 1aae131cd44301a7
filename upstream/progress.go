package upstream

import (
	"hash/maphash"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
)

// maxMessages bounds the messages of a stream that can be recovered. A chat has a
// dozen.
const maxMessages = 1000

// progress is what is known of a stream that may have to be recovered: how far each
// of its messages has come. It keeps no text. The zero value is that of a stream with
// no events. It is not safe for concurrent use.
type progress struct {
	chat     chatName
	messages map[string]*messageProgress // by id

	begun bool // the stream has told the chat's beginning
	ended bool // and its end
	over  bool // nothing may follow any more

	nameless bool // text came of a message that is not known
	lost     bool // there were too many messages to know them all

	frame *typewriter.Frame // the last one that was text, and
	tally *tally            // where its text goes; nil: nowhere
}

// messageProgress is how far a message has come.
type messageProgress struct {
	completed bool
	unsure    bool // it is not known what a client takes its texts for
	texts     [textFields]tally
}

// canRecover reports whether the rest of the stream can be asked for.
func (p *progress) canRecover() bool { return p.chat.isKnown() && !p.lost }

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
		p.frame, p.tally = e.Frame, nil
		id, chat := subject(e.Frame.Name, e.Frame.Head+e.Frame.Tail)
		p.name(chat)
		if e.Frame.Number > 0 {
			id = "" // it is ours, and another in each event
		}
		if m := p.message(id); m != nil {
			p.tally = &m.texts[fieldOf(e.Frame)]
			p.tally.frame = e.Frame
		} else {
			p.nameless = true
		}
	}
	if p.tally != nil {
		p.tally.add(e.Text)
	}
}

func (p *progress) addWhole(name, data string) {
	if data == doneData || data == "[DONE]" {
		p.over = true
	}
	switch name {
	case eventDone, eventStudioDone, eventError:
		p.over = true
	case eventChatCreated:
		p.begun = true
	case eventChatCompleted, eventChatFailed, eventRequiresAction:
		p.ended = true
	}
	told := name == eventDelta || name == eventCompleted // of a message
	if p.chat.isKnown() && !told || !gjson.Valid(data) {
		return
	}
	id, chat := subject(name, data)
	p.name(chat)
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
	content, reasoning := inside(f.content), inside(f.reasoning)
	if content == "" && reasoning == "" && !f.repeated {
		return
	}
	m := p.message(id)
	if m == nil {
		p.nameless = true
		return
	}
	m.texts[fieldContent].add(content)
	m.texts[fieldReasoning].add(reasoning)
	m.unsure = m.unsure || f.repeated // clients differ in which of the two they take
}

// name takes a chat's name from the first event that tells all of it.
func (p *progress) name(chat chatName) {
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
		p.lost = true
	default:
		if p.messages == nil {
			p.messages = make(map[string]*messageProgress)
		}
		m = &messageProgress{}
		p.messages[id] = m
	}
	return m
}

// tally is a text that is not kept: its size and a hash are, which tell whether it is
// how another text begins. It must not be copied.
type tally struct {
	frame *typewriter.Frame // of the last delta that was text; may be nil

	size int
	hash maphash.Hash
	high rune // the first half of a surrogate pair that it ends with, not counted; or 0
}

// add appends to the text; it stands as it does inside a JSON string.
func (t *tally) add(text string) {
	if t.high == 0 && strings.IndexByte(text, '\\') < 0 {
		t.size += len(text)
		_, _ = t.hash.WriteString(text) // it never fails
		return
	}
	var b []byte
	b, t.high = unescape(b, text, t.high)
	t.size += len(b)
	_, _ = t.hash.Write(b)
}

// rest returns what is left of a whole text, for the inside of a JSON string. It is
// not ok if the tally's text is not how the whole one begins.
func (t *tally) rest(whole []byte) (rest string, ok bool) {
	if len(whole) < t.size || maphash.Bytes(t.hash.Seed(), whole[:t.size]) != t.hash.Sum64() {
		return "", false
	}
	left := whole[t.size:]
	if t.high == 0 {
		return quote(left), true
	}
	if scanHalf(left) == t.high {
		return quote(left[halfSize:]), true
	}
	r, size := utf8.DecodeRune(left)
	if high, low := utf16.EncodeRune(r); high == t.high {
		return string(appendEscape(nil, low)) + quote(left[size:]), true
	}
	return "", false
}

package coze

import (
	"encoding/json"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// timedEvent is an event of a chat and the change of the chat that it reports.
type timedEvent struct {
	mock.Event
	chat    *chat    // the chat after the event; nil if unchanged
	message *message // the message that the event completes; or nil
}

// delivered returns the events for a delivery.
func delivered(events []timedEvent) []mock.Event {
	var out []mock.Event
	for _, e := range events {
		out = append(out, e.Event)
	}
	return out
}

// normal is the tempo of a recording of the real service: pieces of 2.7 characters, 33
// characters a second, irregular, several at once now and then.
var normal = mock.Tempo{First: 300 * time.Millisecond, Speed: 33, Size: 2.7, Most: 12, Bunch: 0.2}

// piece is the text of one delta, as JSON, and how many characters it has.
type piece struct {
	json       json.RawMessage
	characters int
}

// chatScript is a chat while it is written: what the service will say, and when.
type chatScript struct {
	question string
	tempo    mock.Tempo
	rng      *rand.Rand

	clock      time.Time     // when the last beat is due
	pending    time.Duration // pause before the next beat
	chat       chat          // as it stands at clock
	characters int           // characters
	events     []timedEvent

	// quote writes text as JSON, encode a delta, and last is the data of the event
	// done. Scenarios change them.
	quote  func(string) json.RawMessage
	encode func(message) []byte
	last   []byte
}

func newScript(c *call, question string, about chat) *chatScript {
	return &chatScript{
		question: question,
		tempo:    normal,
		rng:      c.Rand,
		clock:    c.Now,
		chat:     about,
		quote:    quote,
		encode:   func(m message) []byte { return jsonx.Marshal(m) },
		last:     []byte(doneData),
	}
}

// pause makes the next beat wait, unless everything is to come at once.
func (s *chatScript) pause(d time.Duration) {
	if s.tempo.Speed > 0 {
		s.pending += d
	}
}

// add writes the next beat.
func (s *chatScript) add(name string, data []byte) *timedEvent {
	s.clock = s.clock.Add(s.pending)
	s.events = append(s.events, timedEvent{Event: mock.Event{After: s.pending, Name: name, Data: data, IsText: name == eventMessageDelta}})
	s.pending = 0
	return &s.events[len(s.events)-1]
}

// addApart writes the next beat a little later than the one before, so that
// they are two writes.
func (s *chatScript) addApart(name string, data []byte) *timedEvent {
	s.pause(5 * time.Millisecond)
	return s.add(name, data)
}

// turn is a change of the chat's state.
func (s *chatScript) turn(event, status string) {
	s.chat.Status = status
	s.pause(5 * time.Millisecond)
	switch status {
	case statusCompleted, statusFailed:
		s.chat.CompletedAt = s.clock.Add(s.pending).Unix()
		s.chat.Usage.OutputCount = 1 + s.characters*2/3
		s.chat.Usage.TokenCount = s.chat.Usage.InputCount + s.chat.Usage.OutputCount
	}
	now := s.chat
	s.add(event, jsonx.Marshal(now)).chat = &now
}

// open begins the chat, up to the pause before the first piece.
func (s *chatScript) open() {
	created := s.chat
	created.Status = statusCreated
	s.add(eventChatCreated, jsonx.Marshal(created))
	s.resume()
}

// resume is open for a chat that was open before.
func (s *chatScript) resume() {
	s.turn(eventChatInProgress, statusInProgress)
	s.pause(s.tempo.First)
}

// newMessage is a message of the chat with no text yet.
func (s *chatScript) newMessage(kind string) message {
	return message{
		ID:             newID(s.rng),
		ConversationID: s.chat.ConversationID,
		BotID:          s.chat.BotID,
		Role:           "assistant",
		Type:           kind,
		Content:        json.RawMessage(`""`),
		ContentType:    "text",
		ChatID:         s.chat.ID,
		SectionID:      s.chat.SectionID,
	}
}

// pieces cuts text as the model would.
func (s *chatScript) pieces(text string) []piece {
	var out []piece
	for len(text) > 0 {
		end, n := 0, 0
		for want := s.tempo.NextSize(s.rng); n < want && end < len(text); n++ {
			_, width := utf8.DecodeRuneInString(text[end:])
			end += width
		}
		out = append(out, piece{s.quote(text[:end]), n})
		text = text[end:]
	}
	return out
}

// deltas adds pieces at the tempo. Fill puts a piece into its place in m.
func (s *chatScript) deltas(m message, pieces []piece, fill func(*message, json.RawMessage)) {
	for len(pieces) > 0 {
		burst, characters := 1, pieces[0].characters
		for burst < len(pieces) && s.rng.Float64() < s.tempo.Bunch {
			characters += pieces[burst].characters
			burst++
		}
		s.pause(s.tempo.Pause(s.rng, characters))
		for _, p := range pieces[:burst] {
			fill(&m, p.json)
			s.add(eventMessageDelta, s.encode(m))
		}
		s.characters += characters
		pieces = pieces[burst:]
	}
}

// speak adds text as deltas of the message m.
func (s *chatScript) speak(m message, text string) { s.speakPieces(m, s.pieces(text)) }

func (s *chatScript) speakPieces(m message, pieces []piece) {
	s.deltas(m, pieces, func(m *message, text json.RawMessage) { m.Content = text })
}

// think adds text as reasoning deltas of the message m.
func (s *chatScript) think(m message, text string) {
	s.deltas(m, s.pieces(text), func(m *message, text json.RawMessage) { m.ReasoningContent = text })
}

// complete adds a message in full.
func (s *chatScript) complete(m message) {
	s.pause(5 * time.Millisecond)
	m.CreatedAt = s.clock.Add(s.pending).Unix()
	s.add(eventMessageCompleted, jsonx.Marshal(m)).message = &m
}

// answer adds a whole answer message: its deltas and then itself.
func (s *chatScript) answer(text string) {
	m := s.newMessage("answer")
	s.speak(m, text)
	m.Content = s.quote(text)
	s.complete(m)
}

// note adds a message that comes only in full.
func (s *chatScript) note(kind, text string) {
	m := s.newMessage(kind)
	m.Content = s.quote(text)
	s.complete(m)
}

// finish ends the chat: the verbose message, what the user may ask next, and
// chat.completed.
func (s *chatScript) finish() {
	s.note("verbose", `{"msg_type":"generate_answer_finish","data":"{\"finish_reason\":0,\"FinData\":\"\"}","from_module":null,"from_unit":null}`)
	s.pause(400 * time.Millisecond) // they are thought up after the answer
	for _, text := range texts.FollowUps(s.question) {
		s.pause(100 * time.Millisecond)
		s.note("follow_up", text)
	}
	s.turn(eventChatCompleted, statusCompleted)
}

// done ends the stream.
func (s *chatScript) done() { s.addApart(eventDone, s.last) }

// end is finish and done.
func (s *chatScript) end() {
	s.finish()
	s.done()
}

// changes are the moments of a script for the book: the chat as it is begun, and
// what the beats make of it.
func changes(at time.Time, begun chat, beats []timedEvent) []transition {
	begun.Status = statusInProgress
	out := []transition{{at: at, chat: &begun}}
	for _, b := range beats {
		at = at.Add(b.After)
		if b.chat != nil || b.message != nil {
			out = append(out, transition{at: at, chat: b.chat, message: b.message})
		}
	}
	return out
}

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

// timedEvent is an event of a chat and the reported change of the chat.
type timedEvent struct {
	mock.Event
	chat    *chat    // the chat after the event; nil if unchanged
	message *message // the message of a completion; or nil
}

// delivered returns the events for a [mock.Delivery].
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

// piece is the text of a delta, as JSON, with the number of characters.
type piece struct {
	json       json.RawMessage
	characters int
}

// chatScript is a chat in the making: all events of the service, with their times.
type chatScript struct {
	question string
	tempo    mock.Tempo
	rng      *rand.Rand

	clock      time.Time     // when the last event is due
	pending    time.Duration // pause before the next event
	chat       chat          // the state at clock
	characters int           // of all texts
	events     []timedEvent

	// quote encodes text, and encode a delta; last is the data of the event done. Scenarios
	// replace these fields.
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

// pause delays the next event, unless all events are sent at once.
func (s *chatScript) pause(d time.Duration) {
	if s.tempo.Speed > 0 {
		s.pending += d
	}
}

// add adds an event.
func (s *chatScript) add(name string, data []byte) *timedEvent {
	s.clock = s.clock.Add(s.pending)
	s.events = append(s.events, timedEvent{Event: mock.Event{After: s.pending, Name: name, Data: data, IsText: name == eventMessageDelta}})
	s.pending = 0
	return &s.events[len(s.events)-1]
}

// addApart adds an event a little later than the previous event, in a separate write.
func (s *chatScript) addApart(name string, data []byte) *timedEvent {
	s.pause(5 * time.Millisecond)
	return s.add(name, data)
}

// turn adds a change of the chat's state.
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

// open adds the beginning of the chat, up to the pause before the first piece.
func (s *chatScript) open() {
	created := s.chat
	created.Status = statusCreated
	s.add(eventChatCreated, jsonx.Marshal(created))
	s.resume()
}

// resume is open for a continued chat.
func (s *chatScript) resume() {
	s.turn(eventChatInProgress, statusInProgress)
	s.pause(s.tempo.First)
}

// newMessage returns a message of the chat without text.
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

// pieces cuts text into pieces of the tempo.
func (s *chatScript) pieces(text string) []piece {
	var out []piece
	for _, part := range s.tempo.Pieces(s.rng, text) {
		out = append(out, piece{s.quote(part), utf8.RuneCountInString(part)})
	}
	return out
}

// deltas adds pieces at the tempo. fill stores a piece in a message.
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

// speak adds text as deltas of a message.
func (s *chatScript) speak(m message, text string) { s.speakPieces(m, s.pieces(text)) }

func (s *chatScript) speakPieces(m message, pieces []piece) {
	s.deltas(m, pieces, func(m *message, text json.RawMessage) { m.Content = text })
}

// think adds text as reasoning deltas of a message.
func (s *chatScript) think(m message, text string) {
	s.deltas(m, s.pieces(text), func(m *message, text json.RawMessage) { m.ReasoningContent = text })
}

// complete adds a complete message.
func (s *chatScript) complete(m message) {
	s.pause(5 * time.Millisecond)
	m.CreatedAt = s.clock.Add(s.pending).Unix()
	s.add(eventMessageCompleted, jsonx.Marshal(m)).message = &m
}

// answer adds an answer: the deltas, then the complete message.
func (s *chatScript) answer(text string) {
	m := s.newMessage("answer")
	s.speak(m, text)
	m.Content = s.quote(text)
	s.complete(m)
}

// note adds a complete message without deltas.
func (s *chatScript) note(kind, text string) {
	m := s.newMessage(kind)
	m.Content = s.quote(text)
	s.complete(m)
}

// finish adds the end of the chat: the verbose message, the follow-up questions, and
// chat.completed.
func (s *chatScript) finish() {
	s.note("verbose", `{"msg_type":"generate_answer_finish","data":"{\"finish_reason\":0,\"FinData\":\"\"}","from_module":null,"from_unit":null}`)
	s.pause(400 * time.Millisecond) // for the model to think of them
	for _, text := range texts.FollowUps(s.question) {
		s.pause(100 * time.Millisecond)
		s.note("follow_up", text)
	}
	s.turn(eventChatCompleted, statusCompleted)
}

// done adds the end of the stream.
func (s *chatScript) done() { s.addApart(eventDone, s.last) }

// end adds the end of the chat and of the stream.
func (s *chatScript) end() {
	s.finish()
	s.done()
}

// changes returns the transitions of a chat: the beginning, and the changes of the events.
func changes(at time.Time, begun chat, events []timedEvent) []transition {
	begun.Status = statusInProgress
	out := []transition{{at: at, chat: &begun}}
	for _, b := range events {
		at = at.Add(b.After)
		if b.chat != nil || b.message != nil {
			out = append(out, transition{at: at, chat: b.chat, message: b.message})
		}
	}
	return out
}

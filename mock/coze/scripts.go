package coze

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/mock"
	"sse-typewriter/mock/texts"
)

// playAnswer writes a normal chat.
func playAnswer(s *chatScript) { playText(s, texts.Compose(s.question)) }

// playText writes a normal chat with a text as the answer.
func playText(s *chatScript, text string) {
	s.open()
	s.answer(text)
	s.end()
}

// playHalf writes a chat up to the middle of the answer.
func playHalf(s *chatScript) {
	first, _ := texts.Halves(texts.Compose(s.question))
	s.open()
	s.speak(s.newMessage("answer"), first)
}

// playStall writes a chat with a pause in the middle of the answer.
func playStall(s *chatScript) {
	const silence = 20 * time.Second
	text := texts.Compose(s.question)
	first, second := texts.Halves(text)
	s.open()
	m := s.newMessage("answer")
	s.speak(m, first)
	s.pause(silence)
	s.speak(m, second)
	m.Content = s.quote(text)
	s.complete(m)
	s.end()
}

func playReasoning(s *chatScript) {
	thought := "The user wants an answer to this. Let me think: first what is asked, then how long the answer should be, and what tone suits it. I will keep it clear 🤔."
	if texts.IsChinese(s.question) {
		thought = "用户提了一个问题。先想想他真正想知道什么，再决定回答的长短和语气。嗯，应该自然一点，不要太长，可以带一点画面感🤔。"
	}
	text := texts.Compose(s.question)
	s.open()
	m := s.newMessage("answer")
	s.think(m, thought)
	s.speak(m, text)
	m.Content, m.ReasoningContent = s.quote(text), s.quote(thought)
	s.complete(m)
	s.end()
}

func playMessages(s *chatScript) {
	s.open()
	s.answer(texts.Compose(s.question))
	s.answer("还有一点要补充 ✍️：上面是第一条消息，这是第二条。")
	s.answer("A third message, and the last one. 👋")
	s.end()
}

// toolName is the requested function.
const toolName = "get_weather"

func playTool(s *chatScript) {
	s.open()
	s.note("function_call", `{"name":"`+toolName+`","arguments":{"city":"杭州"},"plugin_name":"weather"}`)
	call := toolCall{ID: newID(s.rng), Type: "function"}
	call.Function.Name = toolName
	call.Function.Arguments = `{"city":"杭州"}`
	s.chat.RequiredAction = &requiredAction{Type: "submit_tool_outputs"}
	s.chat.RequiredAction.SubmitToolOutputs.ToolCalls = []toolCall{call}
	s.turn(eventRequiresAction, statusRequiresAction)
	s.done()
}

func playAudio(s *chatScript) {
	const clips, clipBytes = 5, 640
	s.open()
	s.answer(texts.Compose(s.question))
	s.finish()
	m := s.newMessage("answer")
	m.ContentType = "audio"
	for range clips {
		sound := make([]byte, clipBytes)
		for i := range sound {
			sound[i] = byte(s.rng.Uint32())
		}
		m.Content = s.quote(base64.StdEncoding.EncodeToString(sound))
		s.pause(40 * time.Millisecond)
		s.add(eventAudioDelta, jsonx.Marshal(m))
	}
	s.done()
}

func playUnknown(s *chatScript) {
	text := texts.Compose(s.question)
	first, second := texts.Halves(text)
	s.open()
	s.note("function_call", `{"name":"search","arguments":{"query":"秋天"},"plugin_name":"library"}`)
	s.note("tool_response", `{"result":["山行","秋词"]}`)
	s.addApart("ping", []byte(`{}`))
	s.addApart("conversation.message.typing", []byte(`{"progress":0.5}`))
	m := s.newMessage("answer")
	s.speak(m, first)
	s.addApart("conversation.some.future.event", []byte(`{"content":"not text to type","list":[1,2]}`))
	s.speak(m, second)
	m.Content = s.quote(text)
	s.complete(m)
	playCard(s)
	s.end()
}

// playCard adds a card: content like text, but not to be split.
func playCard(s *chatScript) {
	card := s.newMessage("answer")
	card.ContentType = "card"
	card.Content = s.quote(`{"card_type":3,"template_url":"https://example.com/card","data":"{\"title\":\"秋声\"}"}`)
	s.addApart(eventMessageDelta, jsonx.Marshal(card))
	s.complete(card)
}

func playStudio(s *chatScript) {
	playStudioHalf(s)
	s.finish()
	s.addApart("conversation.stream.done", nil)
}

func playStudioError(s *chatScript) {
	playStudioHalf(s)
	s.chat.LastError = apiError{codeInternal, "internal server error"}
	s.breakOff(s.chat.LastError)
}

// playStudioHalf writes a chat of coze-studio up to the end of the answer.
func playStudioHalf(s *chatScript) {
	s.encode = func(m message) []byte {
		m.CreatedAt = s.clock.Add(s.pending).Unix()
		return jsonx.Marshal(m)
	}
	s.open()
	s.answer(texts.Compose(s.question))
}

// breakOff adds an error event as the end of a failed chat.
func (s *chatScript) breakOff(p apiError) {
	s.chat.Status, s.chat.LastError = statusFailed, p
	now := s.chat
	s.addApart(eventError, jsonx.Marshal(p)).chat = &now
}

func playErrorEvent(s *chatScript) {
	playHalf(s)
	s.breakOff(apiError{codeInternal, "the model is not available"})
	s.done()
}

func playFailed(s *chatScript) {
	playHalf(s)
	s.chat.LastError = apiError{codeInternal, "event interval error"}
	s.turn(eventChatFailed, statusFailed)
}

func playEscapes(s *chatScript) {
	s.quote = quoteASCII
	playText(s, texts.Compose(s.question)+"\n\n\tpath: C:\\temp\\new, a/b, \"quoted\", <b>&amp;</b>, tab\there, \u0001, 👨‍👩‍👧‍👦 🇨🇳")
}

// playSurrogates writes all text escaped, and splits each surrogate pair over two deltas.
func playSurrogates(s *chatScript) {
	s.quote = quoteASCII
	text := "表情：😀😃😄，一家人 👨‍👩‍👧‍👦，旗子 🇨🇳🇫🇷，挥手 👋🏽，" + texts.Compose(s.question)
	s.open()
	m := s.newMessage("answer")
	s.speakPieces(m, s.surrogatePieces(text))
	m.Content = s.quote(text)
	s.complete(m)
	s.end()
}

func (s *chatScript) surrogatePieces(text string) []piece {
	var out []piece
	current := piece{json: json.RawMessage(`"`)}
	want := s.tempo.NextSize(s.rng)
	flush := func() {
		if current.characters > 0 {
			current.json = append(current.json, '"')
			out = append(out, current)
		}
		current = piece{json: json.RawMessage(`"`)}
		want = s.tempo.NextSize(s.rng)
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		current.json = append(current.json, escapeUnit(unit)...)
		current.characters++
		high := unit >= 0xD800 && unit < 0xDC00
		if high || current.characters >= want {
			flush()
		}
	}
	flush()
	return out
}

func playSeparators(s *chatScript) {
	playText(s, "第一行\u0085第二行\u2028第三行\u2029第四行。"+texts.Compose(s.question))
}

// playNumbers writes deltas in a form that decoding and encoding would change.
func playNumbers(s *chatScript) {
	s.encode = func(m message) []byte {
		return fmt.Appendf(nil, `{ "extra" : 1.0,"huge":1e400 , "count":12345678901234567890,  "content"  :  %s ,"nested":{"b":1,"a":[ ]},`+
			`"type":%q, "role":%q,"content_type":%q,"chat_id":%q,"bot_id":%s,"conversation_id":%s,"section_id":%s, "id":%q }`,
			m.Content, m.Type, m.Role, m.ContentType, m.ChatID, quote(m.BotID), quote(m.ConversationID), quote(m.SectionID), m.ID)
	}
	playAnswer(s)
}

func playBroken(s *chatScript) {
	text := texts.Compose(s.question)
	first, second := texts.Halves(text)
	s.open()
	m := s.newMessage("answer")
	s.speak(m, first)
	whole := string(s.encode(m))
	s.addApart(eventMessageDelta, []byte(whole[:len(whole)/2]))
	s.addApart(eventMessageDelta, []byte(strings.Replace(whole, `"content":"",`, "", 1)))
	s.speak(m, second)
	m.Content = s.quote(text)
	s.complete(m)
	s.end()
}

func playLongLine(s *chatScript) {
	const bytes = 1 << 20
	unit := "很长的一行，没有尽头。"
	long := strings.Repeat(unit, bytes/len(unit)+1)
	before, after := "下面是一行很长的文字：", "终于完了。"
	s.open()
	m := s.newMessage("answer")
	s.speak(m, before)
	m.Content = s.quote(long)
	s.addApart(eventMessageDelta, s.encode(m))
	s.speak(m, after)
	m.Content = s.quote(before + long + after)
	s.complete(m)
	s.end()
}

func playBytes(s *chatScript) {
	playAnswer(s)
	for i := range s.events {
		s.events[i].After = mock.StretchForBytes(i, s.events[i].Event, mock.CompactSSE)
	}
}

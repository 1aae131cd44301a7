package main

import (
	"math/rand/v2"
	"strings"
	"time"
)

// sentence has 29 characters and a full stop. At the natural pace it takes 3 s, or ten
// characters per second.
const sentence = "清晨的阳光穿过薄薄的云层照在安静的小镇上人们陆续走出家门去。"

// answer returns a text of the given number of characters.
func answer(chars int) string {
	text := []rune(strings.Repeat(sentence, chars/len([]rune(sentence))+1))
	return string(text[:chars])
}

// splitDeltas splits a text into deltas of 2.7 characters on average, as measured at Coze.
func splitDeltas(text string) []string {
	sizes := [...]int{3, 3, 2, 3, 3, 2, 3, 3, 2, 3}
	var out []string
	for runes, i := []rune(text), 0; len(runes) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(runes))
		out = append(out, string(runes[:n]))
		runes = runes[n:]
	}
	return out
}

// eventDelta is the name of events with text.
const eventDelta = "conversation.message.delta"

// head and tail enclose the text in a payload. Their lengths are those of Coze.
const (
	head = `{"id":"7371089265172791332","conversation_id":"7371089265172676644","bot_id":"7371089265172676000",` +
		`"role":"assistant","type":"answer","content":"`
	tail = `","content_type":"text","chat_id":"7371089265172742180","section_id":"7371089265172676644"}`
)

// appendEvent appends an encoded event with a text.
func appendEvent(dst []byte, text string) []byte {
	dst = append(dst, "event:"+eventDelta+"\ndata:"+head...)
	dst = append(dst, text...)
	return append(dst, tail+"\n\n"...)
}

// streamEnd holds the encoded events after the answer.
const streamEnd = "event:conversation.chat.completed\n" +
	`data:{"id":"7371089265172742180","conversation_id":"7371089265172676644","status":"completed"}` + "\n\n" +
	"event:done\ndata:\"[DONE]\"\n\n"

// pauseAfter returns a random natural pause after a character, as in typewriter/pauses.go.
func pauseAfter(char rune) time.Duration {
	if char == '。' {
		return between(300*time.Millisecond, 500*time.Millisecond)
	}
	return between(60*time.Millisecond, 120*time.Millisecond)
}

func between(least, most time.Duration) time.Duration {
	return least + rand.N(most-least+1)
}

// chatRequest is the body of all requests.
const chatRequest = `{"bot_id":"7371089265172676000","user_id":"bench","stream":true,` +
	`"additional_messages":[{"role":"user","content":"写一篇关于清晨的文章","content_type":"text"}]}`

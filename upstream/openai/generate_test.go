package openai

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf16"
)

// generator generates the chunks of a stream.
type generator struct {
	*rand.Rand
	spaced bool
}

func generateStream(r *rand.Rand) []event {
	g := generator{r, r.IntN(4) == 0}
	var events []event
	sticky := g.members() // as in a run
	for range 1 + g.IntN(12) {
		members := sticky
		if g.IntN(3) == 0 {
			members = g.members()
		}
		members = slices.Clone(members)
		if g.IntN(2) == 0 {
			members = append(members, `"obfuscation":"`+"aB3xYz9"[:g.IntN(8)]+`"`)
		}
		e := event{Data: g.object(append(members, g.choices()))}
		switch g.IntN(12) {
		case 0:
			e.Name = "answer"
		case 1:
			e = event{Name: "ping", Data: `{"x":1}`}
		case 2:
			e.Data = "not JSON"
		case 3:
			e.Data = "[DONE]"
		}
		events = append(events, e)
	}
	return append(events, event{Data: "[DONE]"})
}

// some returns some of the values, in any order.
func (g generator) some(values ...string) []string {
	var out []string
	for _, i := range g.Perm(len(values))[:g.IntN(len(values)+1)] {
		out = append(out, values[i])
	}
	return out
}

func (g generator) object(members []string) string {
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return g.wrap("{", members, "}")
}

func (g generator) wrap(begin string, members []string, end string) string {
	space := ""
	if g.spaced {
		space = []string{"", " ", "\n", "\t "}[g.IntN(4)]
	}
	return begin + space + strings.Join(members, space+","+space) + space + end
}

func (g generator) members() []string {
	return g.some(`"id":"c1"`, `"object":"chat.completion.chunk"`, `"created":1.0`, `"usage":null`, `"x":[]`,
		`"citations":["a","b"]`, `"x_groq":{"id":"r"}`, `"model":"m\u2028"`)
}

func (g generator) choices() string {
	var choices []string
	for i := range []int{0, 1, 1, 1, 1, 2, 3}[g.IntN(7)] {
		choices = append(choices, g.choice(i))
	}
	return `"choices":` + g.wrap("[", choices, "]")
}

func (g generator) choice(i int) string {
	text := g.text()
	delta := g.some(`"role":"assistant"`, `"refusal":null`, `"tool_calls":[{"index":0,"function":{"arguments":"{"}}]`, `"annotations":[]`, `"token_id":7`, `"name":"n"`, `"type":"t"`)
	members := g.some(`"logprobs":{"content":[1]}`, `"finish_reason":"stop"`, `"stop_reason":null`, `"seed":1`, `"content_filter_results":{"a":1}`, `"message":{"a":"b"}`)
	switch g.IntN(9) {
	case 0, 1, 2:
		delta = append(delta, `"content":"`+text+`"`)
	case 3:
		delta = append(delta, `"content":""`, `"reasoning_content":"`+text+`"`)
	case 4:
		detail := g.object(append(g.some(`"index":0`, `"format":"f"`, `"signature":"s"`), `"type":"reasoning.text"`, `"text":"`+text+`"`))
		details := append(g.some(`{"type":"reasoning.encrypted","data":"d"}`), detail)
		delta = append(delta, `"reasoning":"`+text+`"`, `"reasoning_details":`+g.wrap("[", details, "]"))
	case 5:
		delta = append(delta, `"content":"`+text+`"`)
		members = append(members, `"text":"`+text+`"`)
	case 6:
		members = append(members, `"text":"`+text+`"`)
	case 7:
		delta = append(delta, `"content":"`+text+`"`, `"reasoning":"`+g.text()+`"`)
	}
	members = append(members, `"delta":`+g.object(delta), `"index":`+fmt.Sprint(i))
	return g.object(members)
}

// text returns a text, perhaps empty, in a random spelling.
func (g generator) text() string {
	var out strings.Builder
	for range g.IntN(12) {
		s := []string{"a", "b", " ", "你", "好", "，", `\n`, `\"`, `\\`, "é", "👨‍👩‍👧", "\u2028", "\u0085", "🇨🇳", "}", `\u4f60`, "👩", "\u200d", "\u0301", `\ud83d`, `\ude00`, `\r`}[g.IntN(22)]
		if r := []rune(s); len(r) == 1 && r[0] > 0x7f && g.IntN(4) == 0 {
			for _, unit := range utf16.Encode(r) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
			continue
		}
		out.WriteString(s)
	}
	return out.String()
}

// Package texts has the answers of the stand-in to the questions that it recognizes.
package texts

import (
	_ "embed" // the long texts
	"fmt"
	"strings"
	"unicode"
)

var (
	// Poem is the answer to a request for a poem.
	//go:embed poem.md
	Poem string

	// ArticleChinese is the answer to a request for an article in Chinese.
	//go:embed article_zh.md
	ArticleChinese string

	// ArticleEnglish is the answer to a request for an article in English.
	//go:embed article_en.md
	ArticleEnglish string
)

// writer answers the questions that contain one of its words.
type writer struct {
	words []string // none: any question
	write func(question string) string
}

// writers are tried in this order.
var writers = []writer{
	{[]string{"summarize", "总结"}, writeSummary},
	{[]string{"poem", "诗"}, func(string) string { return Poem }},
	{[]string{"markdown", "article", "文章"}, writeArticle},
	{nil, writeEcho},
}

// Thought returns the reasoning about a question.
func Thought(question string) string {
	if IsChinese(question) {
		return "用户提了一个问题。先想想他真正想知道什么，再决定回答的长短和语气🤔。"
	}
	return "The user asks a question. What do they want to know, and how long should the answer be 🤔?"
}

// Compose returns the answer to a question.
func Compose(question string) string {
	lower := strings.ToLower(question)
	for _, w := range writers {
		if len(w.words) == 0 {
			return w.write(question)
		}
		for _, word := range w.words {
			if strings.Contains(lower, word) {
				return w.write(question)
			}
		}
	}
	return ""
}

// IsChinese reports whether the answer to a question is in Chinese, as it is for a question
// without text.
func IsChinese(question string) bool {
	return strings.TrimSpace(question) == "" || strings.ContainsFunc(question, func(r rune) bool {
		return unicode.Is(unicode.Han, r)
	})
}

func writeArticle(question string) string {
	if IsChinese(question) {
		return ArticleChinese
	}
	return ArticleEnglish
}

func writeEcho(question string) string {
	said := Clip(strings.TrimSpace(question))
	switch {
	case said == "":
		return "你好！你还没有说什么呢。想聊点什么？"
	case IsChinese(question):
		return "你说的是：" + said + "\n\n这里是替身服务，没有真正的模型在想，不过每个字都会认真地打给你看。想看长一点的回答，可以说“写一篇文章”。"
	}
	return "You said: " + said + "\n\nThis is the stand-in: no model is thinking here, but every character is typed for you with care. For a longer answer, ask for an article."
}

// writeSummary returns a summary of the text below the question's first line: its
// beginning, and the beginnings of some sentences.
func writeSummary(question string) string {
	_, text, _ := strings.Cut(question, "\n\n")
	sentences := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("。！？!?.\n", r) })
	var points strings.Builder
	for i, sentence := range sentences[:min(len(sentences), 3)] {
		fmt.Fprintf(&points, "\n%d. %s", i+1, clipTo(strings.TrimSpace(sentence), 20))
	}
	form := "In short: %d characters about “%s”.\n\nMain points:%s"
	if IsChinese(question) {
		form = "一句话概括：这段 %d 字的文字说的是“%s”。\n\n要点：%s\n\n（这是替身服务写的，没有真正的模型读过原文。）"
	}
	return fmt.Sprintf(form, len([]rune(text)), clipTo(strings.TrimSpace(text), 16), &points)
}

// Clip shortens a text that an answer repeats, so that a huge message does not lead to an
// endless answer.
func Clip(text string) string {
	const most = 500
	return clipTo(text, most)
}

// clipTo returns at most so many characters of a text.
func clipTo(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}

// Halves splits a text in two.
func Halves(text string) (first, second string) {
	runes := []rune(text)
	return string(runes[:len(runes)/2]), string(runes[len(runes)/2:])
}

// FollowUps returns the three questions that are offered after the answer.
func FollowUps(question string) []string {
	if IsChinese(question) {
		return []string{"能再详细一点吗？", "可以举一个例子吗？", "还有别的说法吗？"}
	}
	return []string{"Can you go into more detail?", "Can you give an example?", "Is there another way to say it?"}
}

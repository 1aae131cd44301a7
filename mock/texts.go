package mock

import (
	_ "embed" // the long texts
	"fmt"
	"strings"
	"unicode"
)

// ArticleMessage is the message that is answered with the bare article stream,
// the one that GET on the mount point sends.
const ArticleMessage = "你好，请介绍一下 Coze SSE"

// articlePieces are the deltas of the bare stream. Two begin with a space, which
// a careless reader of event streams loses.
var articlePieces = []string{"你", "好", "，", "这", "是", " Coze", " SSE"}

var (
	//go:embed texts/poem.md
	poem string
	//go:embed texts/article_zh.md
	articleChinese string
	//go:embed texts/article_en.md
	articleEnglish string
)

// What is asked when a scenario's message has no text.
const (
	askPoem    = "写一首关于秋天的诗"
	askArticle = "请写一篇 Markdown 文章"
	askHello   = "你好"
)

// writer answers the questions it recognises.
type writer struct {
	words []string // one of them must occur; none at all: any question
	write func(question string) string
}

// writers are asked in this order.
var writers = []writer{
	{[]string{"summarize", "总结"}, writeSummary},
	{[]string{"poem", "诗"}, func(string) string { return poem }},
	{[]string{"markdown", "article", "文章"}, writeArticle},
	{nil, writeEcho},
}

// compose is what the model says to a question.
func compose(question string) string {
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

// isChinese reports whether a question is to be answered in Chinese. No text at
// all is.
func isChinese(question string) bool {
	return strings.TrimSpace(question) == "" || strings.ContainsFunc(question, func(r rune) bool {
		return unicode.Is(unicode.Han, r)
	})
}

func writeArticle(question string) string {
	if isChinese(question) {
		return articleChinese
	}
	return articleEnglish
}

func writeEcho(question string) string {
	said := clip(strings.TrimSpace(question))
	switch {
	case said == "":
		return "你好！你还没有说什么呢。想聊点什么？"
	case isChinese(question):
		return "你说的是：" + said + "\n\n这里是替身服务，没有真正的模型在想，不过每个字都会认真地打给你看。想看长一点的回答，可以说“写一篇文章”。"
	}
	return "You said: " + said + "\n\nThis is the stand-in: no model is thinking here, but every character is typed for you with care. For a longer answer, ask for an article."
}

// writeSummary sums up what stands below the question's first line: how it begins, and
// the beginnings of some of its sentences.
func writeSummary(question string) string {
	_, text, _ := strings.Cut(question, "\n\n")
	sentences := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("。！？!?.\n", r) })
	var points strings.Builder
	for i, sentence := range sentences[:min(len(sentences), 3)] {
		fmt.Fprintf(&points, "\n%d. %s", i+1, clipTo(strings.TrimSpace(sentence), 20))
	}
	form := "In short: %d characters about “%s”.\n\nMain points:%s"
	if isChinese(question) {
		form = "一句话概括：这段 %d 字的文字说的是“%s”。\n\n要点：%s\n\n（这是替身服务写的，没有真正的模型读过原文。）"
	}
	return fmt.Sprintf(form, len([]rune(text)), clipTo(strings.TrimSpace(text), 16), &points)
}

// clip bounds what is repeated of a message, so that a huge message does not
// make an endless answer.
func clip(text string) string {
	const most = 500
	return clipTo(text, most)
}

// clipTo returns so many characters of a text.
func clipTo(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}

// followUps are the three questions offered at the end.
func followUps(question string) []string {
	if isChinese(question) {
		return []string{"能再详细一点吗？", "可以举一个例子吗？", "还有别的说法吗？"}
	}
	return []string{"Can you go into more detail?", "Can you give an example?", "Is there another way to say it?"}
}

// helpText lists the scenarios.
func helpText() string {
	var out strings.Builder
	out.WriteString("# Scenarios of the stand-in\n\nBegin a message with one of these, or send the header `" + ScenarioHeader + ": NAME`.\n\n")
	for _, s := range Scenarios() {
		fmt.Fprintf(&out, "- `/%s`: %s\n", s.Name, s.About)
	}
	return out.String()
}

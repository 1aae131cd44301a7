package summary

import (
	"cmp"
	"fmt"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"sse-typewriter/upstream"
)

// Lang is a language of a job's messages.
type Lang int

// The languages.
const (
	English Lang = iota
	Chinese
)

// languages are the tags of the languages.
var languages = []struct {
	tag  language.Tag
	lang Lang
}{{language.English, English}, {language.SimplifiedChinese, Chinese}, {language.TraditionalChinese, Chinese}}

var matcher = language.NewMatcher([]language.Tag{languages[0].tag, languages[1].tag, languages[2].tag})

// match returns the best language for tags in the order of preference.
func match(tags ...language.Tag) (Lang, bool) {
	_, i, confidence := matcher.Match(tags...)
	return languages[i].lang, confidence != language.No
}

// ParseLang parses a language tag such as "zh" or "en-GB".
func ParseLang(name string) (Lang, error) {
	tag, err := language.Parse(name)
	if err == nil {
		if lang, ok := match(tag); ok {
			return lang, nil
		}
	}
	return 0, fmt.Errorf("lang %q is not known: want zh or en", name)
}

// ChooseLang returns the preferred language of an Accept-Language header (RFC 9110, section
// 12.5.4), or else the language of a text.
func ChooseLang(accept, text string) Lang {
	if tags, _, err := language.ParseAcceptLanguage(accept); err == nil && len(tags) > 0 {
		if lang, ok := match(tags...); ok {
			return lang
		}
	}
	return langOf(text)
}

func langOf(text string) Lang {
	for _, r := range text {
		if unicode.Is(unicode.Han, r) {
			return Chinese
		}
	}
	return English
}

// Prompt returns the question for the summary of a text.
func (l Lang) Prompt(text string) string {
	return l.choose(
		"Summarize the following text: one sentence first, then the main points as a list. Answer in English.",
		"请总结下面的文字：先用一句话概括，再用列表写出要点。请用中文回答。",
	) + "\n\n" + text
}

func (l Lang) choose(english, chinese string) string {
	if l == Chinese {
		return chinese
	}
	return english
}

// stage returns the message for a stage.
func (l Lang) stage(s upstream.Stage, length int) string {
	switch s {
	case upstream.Created:
		return l.choose("The chat has been created", "对话已创建")
	case upstream.Working:
		return l.choose("The AI is reading the text", "AI 正在阅读全文")
	case upstream.Thinking:
		return l.choose("The AI is thinking", "AI 正在思考")
	case upstream.Answering:
		return fmt.Sprintf(l.choose("Writing the summary: %d characters so far", "正在撰写摘要，已写 %d 字"), length)
	case upstream.Completed:
		return l.choose("Finishing", "正在收尾")
	default:
		return l.choose("Accepted, waiting for the AI", "已收到，正在等待 AI")
	}
}

func (l Lang) done() string { return l.choose("Done", "完成") }

func (l Lang) stopped() string { return l.choose("Stopped", "已停止") }

// failure returns the message for a failure, with advice where there is any.
func (l Lang) failure(err *upstream.Error, timeout time.Duration) string {
	switch err.Reason {
	case reasonTimeout:
		return fmt.Sprintf(l.choose("Not finished within %v, so it was stopped. A shorter text may help.", "%v 内没有完成，已停止。可以试试短一些的文字。"), timeout)
	case reasonCanceled:
		return l.choose("The server gave the job up. Please try again.", "服务器中止了任务，请重试。")
	case reasonStopped:
		return l.choose("The AI service stopped the chat.", "AI 服务中止了对话。")
	case reasonEmpty:
		return l.choose("The AI gave no answer. Please try again.", "AI 没有给出内容，请重试。")
	case "unreachable", "connect_timeout":
		return l.choose("The AI service cannot be reached. Please try again later.", "暂时连接不上 AI 服务，请稍后再试。")
	case "header_timeout", "idle_timeout":
		return l.choose("The AI service does not answer. Please try again later.", "AI 服务没有响应，请稍后再试。")
	case "cut":
		return l.choose("The connection to the AI service was lost, and the rest of the answer could not be fetched. Please try again.", "与 AI 服务的连接中断，剩余内容未能取回，请重试。")
	case "too_large", "event_too_large":
		return l.choose("The AI's answer is too large.", "AI 的回答过长。")
	case "refused":
		said := err.Msg
		if err.Code != 0 {
			said = fmt.Sprintf(l.choose("%s (code %d)", "%s（代码 %d）"), err.Msg, err.Code)
		}
		return l.choose("The AI service says: ", "AI 服务返回错误：") + said
	default:
		return cmp.Or(err.Msg, l.choose("Something went wrong. Please try again.", "出错了，请重试。"))
	}
}

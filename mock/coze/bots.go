package coze

import (
	"net/http"

	"sse-typewriter/mock"
)

// botCreated is the creation time of all bots, as Unix time in seconds.
const botCreated = 1_715_689_059

// botInfo is Coze's description of a bot, without optional fields.
type botInfo struct {
	BotID       string `json:"bot_id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	IconURL     string `json:"icon_url"`
	CreateTime  int64  `json:"create_time"`
	UpdateTime  int64  `json:"update_time"`
	Version     string `json:"version"`
	PromptInfo  struct {
		Prompt string `json:"prompt"`
	} `json:"prompt_info"`
	OnboardingInfo struct {
		Prologue           string   `json:"prologue"`
		SuggestedQuestions []string `json:"suggested_questions"`
	} `json:"onboarding_info"`
	BotMode        int   `json:"bot_mode"`
	PluginInfoList []any `json:"plugin_info_list"`
	ModelInfo      struct {
		ModelID   string `json:"model_id"`
		ModelName string `json:"model_name"`
	} `json:"model_info"`
}

// onlineInfo serves GET /v1/bot/get_online_info. There is a bot for each id.
func (c *call) onlineInfo() mock.Reply {
	id := c.Query.Get("bot_id")
	if id == "" {
		return c.refuse(http.StatusOK, codeBadRequest, "the parameter bot_id is required")
	}
	info := botInfo{
		BotID:          id,
		Name:           "替身",
		Description:    "A stand-in with no model behind it.",
		IconURL:        "https://example.com/icon.png",
		CreateTime:     botCreated,
		UpdateTime:     botCreated,
		Version:        "1715689059000",
		PluginInfoList: []any{},
	}
	info.OnboardingInfo.Prologue = "你好！想聊点什么？"
	info.OnboardingInfo.SuggestedQuestions = []string{askPoem, askArticle, "/help"}
	info.ModelInfo.ModelID, info.ModelInfo.ModelName = "0", "stand-in"
	return c.deliver(info)
}

// The pages' words, in the languages that they speak.

const english = {
  pages: "Pages", chat: "Chat", progress: "Progress", newChat: "New chat",
  chatTitle: "Chat · sse-typewriter", progressTitle: "Progress · sse-typewriter",
  conversation: "Conversation",
  welcome: "What would you like to read?",
  welcomeMore: "Answers are typed as they arrive, with a pause where a reader would take one.",
  example1: "Write a poem about autumn", example2: "Write an article in Markdown", example3: "Who are you?",
  question: "Your question", questionHint: "Ask anything",
  mode: "Mode", modeTypewriter: "Typewriter", modeSmooth: "Smooth", modeRaw: "Raw", speed: "Speed",
  send: "Send", stop: "Stop", skip: "Skip", copy: "Copy", copied: "Copied", selected: "Selected: press Ctrl+C",
  latest: "Latest", suggestions: "Suggestions",
  you: "You asked", answer: "Answer", thinkingNow: "Thinking…", thought: "Thoughts",
  ready: "Ready", connecting: "Connecting…", thinking: "Thinking…", typing: "Typing…", working: "Working…",
  reconnecting: "Reconnecting…", done: "Done", stopped: "Stopped", error: "Failed",
  keyWanted: "This server wants an API key:", keyUse: "Use it",
  summarizeHead: "Summarize a text",
  summarizeMore: "The bar shows what really happens: the job tells how far it is, and goes on where it was if the connection breaks.",
  summary: "Summary", result: "Result", text: "The text", textHint: "Paste the text here", summarize: "Summarize",
  unreachable: "The server cannot be reached.",
  gone: "The answer is no longer there: the server has let go of it.",
  refused: "The server refused the request (status {status}).",
  failed: "The AI service gave the answer up.",
  toolWanted: "The AI asks for a tool, which this page has not got.",
};

const chinese = {
  pages: "页面", chat: "对话", progress: "进度", newChat: "新对话",
  chatTitle: "对话 · sse-typewriter", progressTitle: "进度 · sse-typewriter",
  conversation: "对话内容",
  welcome: "今天想读点什么？",
  welcomeMore: "回答边到边打，在读者会停顿的地方停顿。",
  example1: "写一首关于秋天的诗", example2: "请写一篇 Markdown 文章", example3: "你是谁？",
  question: "你的问题", questionHint: "随便问点什么",
  mode: "模式", modeTypewriter: "打字机", modeSmooth: "平滑", modeRaw: "原样", speed: "速度",
  send: "发送", stop: "停止", skip: "跳过", copy: "复制", copied: "已复制", selected: "已选中，请按 Ctrl+C",
  latest: "回到最新", suggestions: "接着问",
  you: "你问", answer: "回答", thinkingNow: "正在思考…", thought: "思考过程",
  ready: "就绪", connecting: "连接中…", thinking: "思考中…", typing: "输出中…", working: "处理中…",
  reconnecting: "重新连接中…", done: "完成", stopped: "已停止", error: "出错了",
  keyWanted: "此服务器需要 API 密钥：", keyUse: "使用",
  summarizeHead: "总结一段文字",
  summarizeMore: "进度条反映真实进展：任务走到哪一步就显示到哪一步，断线后从断开的地方继续。",
  summary: "摘要", result: "结果", text: "文字", textHint: "把文字粘贴到这里", summarize: "开始总结",
  unreachable: "连接不上服务器。",
  gone: "这个回答已经不在服务器上了。",
  refused: "服务器拒绝了请求（状态 {status}）。",
  failed: "AI 服务中止了回答。",
  toolWanted: "AI 想调用工具，这个页面没有。",
};

// lang is the first language of the reader's that the pages speak.
export const lang = navigator.languages.map(l => l.slice(0, 2).toLowerCase()).find(l => l === "zh" || l === "en") ?? "en";

const words = lang === "zh" ? chinese : english;

// say returns a text by its name; values stand for what it has in braces.
export function say(name, values = {}) {
  return words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

// translate fills in the texts that a page's elements name.
export function translate() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-text]")) e.textContent = say(e.dataset.text);
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", say(e.dataset.label));
  for (const e of document.querySelectorAll("[data-placeholder]")) e.placeholder = say(e.dataset.placeholder);
}

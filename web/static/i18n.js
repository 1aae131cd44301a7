// The texts of the pages in English and Chinese.

const english = {
  pages: "Pages", chat: "Chat", progress: "Progress", newChat: "New chat", undoNew: "Back to the last chat", edit: "Edit", editingNow: "Editing a question: what follows will be replaced.", cancel: "Cancel",
  history: "History", close: "Close", rename: "Rename", delete: "Delete", deleteAll: "Delete all", deleteAllSure: "Really delete all chats?", noChats: "No chats yet. Chats are kept in this browser only.",
  tryAgain: "Try again", regenerate: "Regenerate", tempo: "Tempo",
  chatTitle: "Chat · sse-typewriter", progressTitle: "Progress · sse-typewriter",
  conversation: "Conversation",
  welcome: "What would you like to read?",
  welcomeMore: "Answers are typed as they arrive, with natural pauses.",
  example1: "Write a poem about autumn", example2: "Write an article in Markdown", example3: "Who are you?",
  question: "Your question", questionHint: "Ask anything",
  mode: "Mode", modeTypewriter: "Typewriter", modeSmooth: "Smooth", modeRaw: "Raw", speed: "Speed", lag: "Behind", lagAuto: "Automatic", lagSeconds: "{n} s at most",
  meansTypewriter: "Natural pauses at commas and sentences, at most {n} s behind the AI.", meansSmooth: "An even flow, at most {n} s behind the AI.", meansRaw: "Text appears as it arrives, in bursts.", rate: "{n} characters a second",
  send: "Send", stop: "Stop", skip: "Skip", copy: "Copy", copied: "Copied", codeBlock: "Code", table: "Table", taskOpen: "To do", taskDone: "Done", imageAt: "Image at {host}", selected: "Selected: press Ctrl+C",
  latest: "Latest", suggestions: "Suggestions",
  you: "You asked", answer: "Answer", thinkingNow: "Thinking…", thought: "Thoughts",
  ready: "Ready", connecting: "Connecting…", thinking: "Thinking…", typing: "Typing…", working: "Working…",
  reconnecting: "Reconnecting…", offline: "Offline", done: "Done", stopped: "Stopped", failed: "Failed",
  keyWanted: "This server requires an API key:", tokenWanted: "The AI service refused the token. Another token:", keyUse: "Use key",
  summarizeHead: "Summarize a text",
  summarizeMore: "The bar shows the real progress of the job, and resumes after a lost connection.",
  summary: "Summary", result: "Result", text: "The text", textHint: "Paste your text here", summarize: "Summarize",
  unreachable: "The server cannot be reached.",
  gone: "The answer is no longer available on the server.",
  rejected: "The server rejected the request (status {status}).",
  unexpected: "The reply is not from the server. Does the network require a login?",
  noBot: "No bot is set: the server must be started with --bot-id.",
  busy: "The server is busy or restarting.",
  toolWanted: "The AI requested a tool that this page does not support.",
};

const chinese = {
  pages: "页面", chat: "对话", progress: "进度", newChat: "新对话", undoNew: "回到上一个对话", edit: "编辑", editingNow: "正在编辑问题，其后的内容将被替换。", cancel: "取消",
  history: "历史", close: "关闭", rename: "重命名", delete: "删除", deleteAll: "全部删除", deleteAllSure: "确定删除全部对话？", noChats: "还没有对话。对话只保存在本浏览器中。",
  tryAgain: "重试", regenerate: "重新回答", tempo: "节奏",
  chatTitle: "对话 · sse-typewriter", progressTitle: "进度 · sse-typewriter",
  conversation: "对话内容",
  welcome: "今天想读点什么？",
  welcomeMore: "回答随到随显，停顿自然。",
  example1: "写一首关于秋天的诗", example2: "请写一篇 Markdown 文章", example3: "你是谁？",
  question: "你的问题", questionHint: "随便问点什么",
  mode: "模式", modeTypewriter: "打字机", modeSmooth: "平滑", modeRaw: "原样", speed: "速度", lag: "落后", lagAuto: "自动", lagSeconds: "最多 {n} 秒",
  meansTypewriter: "逗号和句号处自然停顿，最多落后 AI {n} 秒。", meansSmooth: "均匀输出，最多落后 AI {n} 秒。", meansRaw: "到多少显示多少，可能成块出现。", rate: "每秒 {n} 字",
  send: "发送", stop: "停止", skip: "跳过", copy: "复制", copied: "已复制", codeBlock: "代码", table: "表格", taskOpen: "未完成", taskDone: "已完成", imageAt: "{host} 上的图片", selected: "已选中，请按 Ctrl+C",
  latest: "回到最新", suggestions: "接着问",
  you: "你问", answer: "回答", thinkingNow: "正在思考…", thought: "思考过程",
  ready: "就绪", connecting: "连接中…", thinking: "思考中…", typing: "输出中…", working: "处理中…",
  reconnecting: "重新连接中…", offline: "已离线", done: "完成", stopped: "已停止", failed: "出错了",
  keyWanted: "此服务器需要 API 密钥：", tokenWanted: "AI 服务拒绝了此令牌，请换一个：", keyUse: "使用",
  summarizeHead: "总结一段文字",
  summarizeMore: "进度条显示任务的真实进度，断线后自动续接。",
  summary: "摘要", result: "结果", text: "文字", textHint: "把文字粘贴到这里", summarize: "开始总结",
  unreachable: "无法连接服务器。",
  gone: "服务器已不再保留该回答。",
  rejected: "服务器拒绝了请求（状态码 {status}）。",
  unexpected: "收到的不是服务器的回复，网络是否需要登录？",
  noBot: "没有指定智能体：启动服务器时需要 --bot-id。",
  busy: "服务器繁忙或正在重启。",
  toolWanted: "AI 请求调用工具，本页面不支持。",
};

// lang is the user's first preferred language of the two.
export const lang = navigator.languages.map(l => l.slice(0, 2).toLowerCase()).find(l => l === "zh" || l === "en") ?? "en";

const words = lang === "zh" ? chinese : english;

// say returns a text by name, with {placeholders} replaced by values.
export function say(name, values = {}) {
  return words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

// translate sets the texts of elements with data-text, data-label, data-title and
// data-placeholder.
export function translate() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-text]")) e.textContent = say(e.dataset.text);
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", say(e.dataset.label));
  for (const e of document.querySelectorAll("[data-title]")) e.title = say(e.dataset.title);
  for (const e of document.querySelectorAll("[data-placeholder]")) e.placeholder = say(e.dataset.placeholder);
}

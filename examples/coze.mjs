// The official SDK with a different baseURL: npm install && node coze.mjs 'a question'
import { CozeAPI } from "@coze/api";

const coze = new CozeAPI({
  token: process.env.COZE_TOKEN ?? "any, for the built-in mock",
  baseURL: process.env.BASE_URL ?? "http://127.0.0.1:8380",
});
const chat = coze.chat.stream({
  bot_id: process.env.COZE_BOT_ID ?? "any, for the built-in mock",
  user_id: "example",
  additional_messages: [{ role: "user", content: process.argv[2] ?? "写一首关于秋天的诗", content_type: "text" }],
});
for await (const { event, data } of chat) {
  if (event === "conversation.message.delta") process.stdout.write(data.content);
  if (event === "error" || event === "conversation.chat.failed") throw new Error(JSON.stringify(data));
}
console.log();

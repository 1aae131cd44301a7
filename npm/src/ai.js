// A ChatTransport for useChat of the AI SDK.

import { chat, resume } from "./index.js";

// TypewriterTransport asks /v3/chat of the server. With resume: true, useChat continues an
// answer after a reload.
export class TypewriterTransport {
  // resume replays an answer from its beginning.
  resumeStreamIsReplay = true;
  #options;
  #conversations = new Map(); // by chat id: those that the service keeps

  constructor(options = {}) {
    this.#options = options;
  }

  async sendMessages({ chatId, messages, abortSignal, headers }) {
    const history = messages.map(({ role, parts }) => ({ role, content: textOf(parts) })).filter(({ content }) => content);
    const { content: message = "" } = history.pop() ?? {};
    const conversation = this.#conversations.get(chatId);
    const options = this.#optionsOf(chatId, headers);
    return this.#stream(chat({ ...options, message, conversation, history: conversation ? [] : history }), chatId, abortSignal);
  }

  async reconnectToStream({ chatId, abortSignal, headers }) {
    const answer = resume(this.#optionsOf(chatId, headers));
    return answer && this.#stream(answer, chatId, abortSignal);
  }

  #optionsOf(chatId, headers) {
    const { headers: own, ...options } = this.#options;
    return { remember: chatId, ...options, headers: { ...own, ...Object.fromEntries(new Headers(headers)) } };
  }

  #stream(answer, chatId, signal) {
    signal?.addEventListener("abort", () => answer.stop(), { once: true });
    const chunks = this.#chunks(answer, chatId);
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => answer.disconnect(),
    });
  }

  async *#chunks(answer, chatId) {
    let open = ""; // the type of the open part
    let parts = 0;
    const end = function* () {
      if (open) yield { type: `${open}-end`, id: `${parts}` };
      open = "";
    };
    yield { type: "start" };
    try {
      for await (const { type, text } of answer.events()) {
        if (type === "text" || type === "reasoning") {
          if (open !== type) {
            yield* end();
            open = type;
            yield { type: `${type}-start`, id: `${++parts}` };
          }
          yield { type: `${type}-delta`, id: `${parts}`, delta: text };
        }
        if (type === "suggestion") yield { type: "data-suggestion", data: text };
        if (answer.conversation && !answer.stateless) this.#conversations.set(chatId, answer.conversation);
      }
      yield* end();
      yield answer.status === "stopped" ? { type: "abort" } : { type: "finish" };
    } catch (problem) {
      yield* end();
      yield { type: "error", errorText: problem.message };
    }
  }
}

function textOf(parts) {
  return parts.filter(({ type }) => type === "text").map(({ text }) => text).join("\n\n");
}

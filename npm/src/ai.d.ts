import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";
import type { ChatOptions } from "./index.js";

/** A transport for useChat of the AI SDK that asks /v3/chat of the server. */
export class TypewriterTransport<M extends UIMessage = UIMessage> implements ChatTransport<M> {
  readonly resumeStreamIsReplay: boolean;
  constructor(options?: Omit<ChatOptions, "message" | "history" | "conversation" | "body" | "id">);
  sendMessages(options: Parameters<ChatTransport<M>["sendMessages"]>[0]): Promise<ReadableStream<UIMessageChunk>>;
  reconnectToStream(options: Parameters<ChatTransport<M>["reconnectToStream"]>[0]): Promise<ReadableStream<UIMessageChunk> | null>;
}

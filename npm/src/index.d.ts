/** The tempo of an answer; each value is a parameter of the server. */
export interface Tempo {
  /** "raw" shows text as it arrives: the default of readers who prefer reduced motion. */
  mode?: "typewriter" | "smooth" | "raw";
  /** 0.1 to 100; 1 is the speed of the server's configuration. */
  speed?: number | string;
  /** The longest delay of a character, such as "3s". */
  maxLag?: string;
  /** The longest delay of the end, such as "1s". */
  maxTail?: string;
  /** The mode of reasoning. */
  reasoning?: "typewriter" | "smooth" | "raw";
  unit?: "grapheme" | "word";
  /** The shortest time between two events of text, such as "33ms". */
  minInterval?: string;
  /** "on" keeps the parts of a Markdown construct together. */
  markdown?: "on" | "off";
}

export interface Message {
  role: "user" | "assistant" | (string & {});
  content: string;
}

export interface ChatOptions {
  /** The URL of the chat, absolute or relative to the page. Default: /v3/chat. */
  url?: string;
  /** The question. */
  message?: string;
  /** The messages before the question, for a service that keeps no conversations. */
  history?: Message[];
  /** The id of a conversation to continue, as answer.conversation has it. */
  conversation?: string;
  /** A whole request in the format of the URL, instead of message and history. */
  body?: object;
  tempo?: Tempo;
  /** The API key of the server, or the token of the service. */
  key?: string;
  headers?: Record<string, string>;
  /** The Idempotency-Key: one id is asked once. Default: random. */
  id?: string;
  /** A name for resume: the answer continues after a reload of the tab. */
  remember?: string;
}

export type Status =
  | "connecting" | "reconnecting" | "offline"
  | "thinking" | "typing" | "working"
  | "done" | "stopped" | "failed";

export type ChatEvent =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  /** The end of a message; an answer may have several. */
  | { type: "message" }
  | { type: "suggestion"; text: string }
  | { type: "status"; status: Status }
  | { type: "conversation"; conversation: string }
  /** The progress of a job such as /ai/summarize. */
  | { type: "progress"; progress: number; message: string; result?: string }
  /** Any other event of the service. */
  | { type: "other"; name: string; payload: any };

export type ErrorCode =
  | "unreachable" | "gone" | "key" | "refused" | "limit" | "busy"
  | "unexpected" | "rejected" | "failed" | "tool";

/** The reason why an answer ended early. */
export class ChatError extends Error {
  readonly code: ErrorCode;
  /** The HTTP status, or 0. */
  readonly status: number;
  /** The number in the body of the error. */
  readonly serviceCode?: number;
  /** Seconds to wait before a retry. */
  readonly retryAfter?: number;
  constructor(code: ErrorCode, message: string, details?: object);
}

/** A value for JSON with which resume continues an answer. */
export interface Snapshot {
  url?: string;
  last?: string;
  text: string;
  reasoning: string;
  conversation: string;
  stateless: boolean;
  inMessage: boolean;
}

/** A running or finished answer. The iterator yields its text, once a frame. */
export interface Answer extends AsyncIterable<string> {
  /** All text so far. */
  readonly text: string;
  readonly reasoning: string;
  readonly status: Status;
  readonly isOver: boolean;
  readonly error: ChatError | null;
  /** The id of the conversation, once known. */
  readonly conversation: string;
  /** Whether the service keeps no conversations: send the history with each question. */
  readonly stateless: boolean;
  /**
   * Yields everything until the answer is over, and throws a ChatError if it fails. An
   * answer has one reader. Leaving the loop disconnects.
   */
  events(): AsyncGenerator<ChatEvent, void, void>;
  /** Ends the answer here, at the service and for later viewers, and returns the text so far. */
  stop(): Promise<string>;
  /** Makes the server send the backlog at once. */
  skip(): Promise<void>;
  /** Changes the tempo of the running answer. */
  tempo(tempo: Tempo): void;
  /** Ends the loop and leaves the stream at the server. */
  disconnect(): void;
  /** The rest of the answer if the connection failed, otherwise another answer. */
  retry(): Answer;
  snapshot(): Snapshot;
}

/** Asks a question. */
export function chat(options: ChatOptions): Answer;

/**
 * Continues an answer: the one remembered under options.remember, or that of a snapshot.
 * Returns null if there is none.
 */
export function resume(options: ChatOptions, snapshot?: Snapshot | null): Answer | null;

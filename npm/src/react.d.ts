import type { ChatError, ChatOptions, Status, Tempo } from "./index.js";

export interface Typed {
  text: string;
  reasoning: string;
  suggestions: string[];
  status: Status | "idle";
  error: ChatError | null;
  /** Asks a question, or sends a whole request. Stops the answer before. */
  ask(question: string | object, options?: ChatOptions): Promise<void>;
  stop(): Promise<string> | undefined;
  skip(): Promise<void> | undefined;
  tempo(tempo: Tempo): void;
  retry(): Promise<void> | null;
}

/** The state of the last answer. With options.remember, an answer continues after a reload. */
export function useTyped(options?: ChatOptions): Typed;

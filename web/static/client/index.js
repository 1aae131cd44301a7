// The JavaScript client of sse-typewriter: asks a question and follows the answer, over
// lost connections and reloads. The package in npm/ is built from this folder.

import { Answer } from "./answer.js";
import { recall } from "./memory.js";

export { ChatError } from "./errors.js";

// chat asks a question and returns the answer.
export function chat(options) {
  return new Answer(options);
}

// resume continues an answer: the one remembered under options.remember, or that of a
// snapshot. Without one, it returns null.
export function resume(options, snapshot = recall(options.remember)) {
  return snapshot && new Answer(options, snapshot);
}

// One question and its answer, from the request to the end of the stream.

import { act, Refused, start } from "./api.js";
import { say } from "./i18n.js";
import { Stream } from "./stream.js";

const events = {
  created: "conversation.chat.created",
  delta: "conversation.message.delta",
  completed: "conversation.message.completed",
  failed: "conversation.chat.failed",
  wantsTool: "conversation.chat.requires_action",
  done: "done",
  unnamed: "message",
};

// Turn asks a question. It calls on.state(name, problem) when the state changes: to
// connecting, thinking, typing, reconnecting, and at last done, stopped or error; and
// on.conversation(id), on.suggestion(text), on.keyWanted().
export class Turn {
  #answer; #on; #stream; #url;
  #abort = new AbortController();
  #state = "";

  constructor(answer, on) {
    [this.#answer, this.#on] = [answer, on];
  }

  get isOver() {
    return ["done", "stopped", "error"].includes(this.#state);
  }

  // ask begins. The question may be of any length; an answer in JSON tells what is wrong
  // with it, which an EventSource would keep to itself.
  async ask(question, conversation, tempo) {
    this.#change("connecting");
    try {
      const path = "/v3/chat?" + new URLSearchParams({ conversation_id: conversation });
      this.#url = await start(path, { body: question, type: "text/plain; charset=utf-8", signal: this.#abort.signal });
    } catch (problem) {
      if (!this.isOver) this.#fail(problem);
      return;
    }
    if (this.isOver) {
      act("DELETE", this.#url);
      return;
    }
    this.#stream = new Stream(this.#url + "?" + new URLSearchParams(tempo), Object.values(events), {
      event: (name, data) => this.#receive(name, data),
      reconnecting: () => this.#change("reconnecting"),
      lost: problem => this.#fail(problem),
    });
  }

  // stop ends the answer here and upstream.
  stop() {
    if (this.isOver) return;
    this.#abort.abort();
    if (this.#url) act("DELETE", this.#url);
    this.#end("stopped");
  }

  // skip has what waits typed at once.
  skip() {
    if (this.#url) act("POST", this.#url + "/skip");
  }

  #receive(name, data) {
    if (data === "[DONE]" || data === '"[DONE]"' || name === events.done) {
      this.#answer.complete();
      this.#end("done");
      return;
    }
    let told;
    try {
      told = JSON.parse(data);
    } catch {
      return; // what is not understood passes
    }
    switch (name) {
      case events.created:
        this.#on.conversation(told.conversation_id ?? "");
        break;
      case events.delta:
        this.#write(told);
        break;
      case events.completed:
        this.#complete(told);
        break;
      case events.wantsTool:
        this.#fail(new Refused(0, say("toolWanted")));
        break;
      case events.failed:
        this.#fail(failure(told.last_error ?? {}));
        break;
      case "error":
        this.#fail(failure(told));
    }
  }

  #write(told) {
    if (!isText(told)) return;
    if (told.reasoning_content) {
      this.#change("thinking");
      this.#answer.think(told.reasoning_content);
    }
    if (told.content) {
      this.#change("typing");
      this.#answer.write(told.content);
    }
  }

  #complete(told) {
    const type = told.type ?? "answer";
    if (type === "answer" && isText(told)) this.#answer.complete(told.content);
    if (type === "follow_up") this.#on.suggestion(told.content);
  }

  #fail(problem) {
    this.#end("error", problem.message);
    if (problem.status === 401) this.#on.keyWanted();
  }

  #end(state, problem) {
    this.#stream?.close();
    this.#answer.end(problem);
    this.#change(state);
  }

  #change(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#on.state(state);
  }
}

// isText tells text from cards and the like, whose content is not for reading.
function isText(told) {
  return (told.content_type ?? "text") === "text";
}

function failure({ code, msg }) {
  return new Refused(0, msg ? (code ? `${msg} (${code})` : msg) : say("failed"));
}

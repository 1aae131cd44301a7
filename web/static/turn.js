// One question and its answer, from the request to the end of the stream.

import { command, RequestError, start } from "./api.js";
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

// Turn sends a question. It calls on.state(name) when the state changes to connecting,
// thinking, typing, reconnecting, and finally done, stopped or error; and on.conversation(id),
// on.stateless(), on.suggestion(text) and on.keyWanted().
export class Turn {
  #answer; #on; #stream; #url; #tempo;
  #abort = new AbortController();
  #state = "";

  constructor(answer, on) {
    [this.#answer, this.#on] = [answer, on];
  }

  get isOver() {
    return ["done", "stopped", "error"].includes(this.#state);
  }

  // ask starts the turn with a POST: questions have no length limit, and errors have a JSON
  // body, which an EventSource does not expose. The conversation has an id or a history.
  async ask(question, { id, history }, tempo) {
    this.#tempo = tempo;
    this.#change("connecting");
    try {
      const path = "/v3/chat?" + new URLSearchParams({ conversation_id: id });
      const { url, stateless } = await start(path, { ...message(question, history), signal: this.#abort.signal });
      this.#url = url;
      if (stateless) this.#on.stateless();
    } catch (problem) {
      if (!this.isOver) this.#fail(problem);
      return;
    }
    if (this.isOver) {
      command("DELETE", this.#url);
      return;
    }
    this.#stream = new Stream(this.#url + "?" + parameters(this.#tempo), Object.values(events), {
      event: (name, data) => this.#receive(name, data),
      reconnecting: () => this.#change("reconnecting"),
      lost: problem => this.#fail(problem),
    });
  }

  // setTempo changes the tempo of the running answer.
  setTempo(tempo) {
    const same = tempo.mode === this.#tempo.mode && tempo.speed === this.#tempo.speed;
    this.#tempo = tempo;
    if (!same && !this.isOver) this.#stream?.reopen(parameters(tempo));
  }

  // stop ends the answer here and at the AI service.
  stop() {
    if (this.isOver) return;
    this.#abort.abort();
    if (this.#url) command("DELETE", this.#url);
    this.#end("stopped");
  }

  // skip makes the server send the backlog immediately.
  skip() {
    if (this.#url) command("POST", this.#url + "/skip");
  }

  #receive(name, data) {
    if (data === "[DONE]" || data === '"[DONE]"' || name === events.done) {
      this.#answer.complete();
      this.#end("done");
      return;
    }
    let payload;
    try {
      payload = JSON.parse(data);
    } catch {
      return; // unknown events are ignored
    }
    switch (name) {
      case events.created:
        this.#on.conversation(payload.conversation_id ?? "");
        break;
      case events.delta:
        this.#write(payload);
        break;
      case events.completed:
        this.#complete(payload);
        break;
      case events.wantsTool:
        this.#fail(new RequestError(0, say("toolWanted")));
        break;
      case events.failed:
        this.#fail(failure(payload.last_error ?? {}));
        break;
      case "error":
        this.#fail(failure(payload));
    }
  }

  #write(payload) {
    if (!isText(payload)) return;
    if (payload.reasoning_content) {
      this.#change("thinking");
      this.#answer.think(payload.reasoning_content);
    }
    if (payload.content) {
      this.#change("typing");
      this.#answer.write(payload.content);
    }
  }

  #complete(payload) {
    const type = payload.type ?? "answer";
    if (type === "answer" && isText(payload)) this.#answer.complete(payload.content);
    if (type === "follow_up") this.#on.suggestion(payload.content);
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

// message returns the body of a question, and its type. Plain text has no history.
function message(question, history) {
  if (!history.length) return { body: question, type: "text/plain; charset=utf-8" };
  const messages = [...history, { role: "user", content: question }];
  const body = { stream: true, additional_messages: messages.map(m => ({ ...m, content_type: "text" })) };
  return { body: JSON.stringify(body), type: "application/json" };
}

function parameters(tempo) {
  return new URLSearchParams({ ...tempo, markdown: "on" });
}

// isText distinguishes text from cards and other content types.
function isText(payload) {
  return (payload.content_type ?? "text") === "text";
}

function failure({ code, msg }) {
  return new RequestError(0, msg ? (code ? `${msg} (${code})` : msg) : say("failed"));
}

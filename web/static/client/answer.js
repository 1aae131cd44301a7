// A question and its answer.

import { backoff, Connection } from "./connection.js";
import { ChatError, replyError } from "./errors.js";
import { keep } from "./memory.js";

// The first request is repeated after network errors, for this time in ms, and without a
// reply, so many times. The service may need a while to reply.
const startPatience = 10_000;
const startTimeout = 30_000;
const maxTimeouts = 4;

const over = new Set(["done", "stopped", "failed"]);

// Answer is a running or finished answer. The properties below are public, and hold all
// that has been received; events() hands it over once a frame.
export class Answer {
  text = "";
  reasoning = "";
  status = "connecting"; // reconnecting, offline, thinking, typing, working; done, stopped, failed
  conversation = ""; // id
  stateless = false; // the service keeps no conversations
  error = null; // a ChatError

  #options; #connection; #url; #queue = [];
  #steady = "connecting"; // the status while connected
  #inMessage = false; // the current message has text
  #isLeft = false;
  #abort = new AbortController();
  #memory = null;
  #arrived = () => {};

  // from is a snapshot of an earlier answer to continue.
  constructor(options, from) {
    this.#options = { id: randomID(), ...options, tempo: tempoOf(options.tempo) };
    if (from) this.#restore(from);
    this.#run(from?.last);
  }

  // snapshot returns a value for JSON with which resume continues the answer.
  snapshot() {
    const { text, reasoning, conversation, stateless } = this;
    return { url: this.#url, last: this.#connection?.last, text, reasoning, conversation, stateless, inMessage: this.#inMessage };
  }

  get isOver() {
    return over.has(this.status);
  }

  get #isEnded() {
    return this.isOver || this.#isLeft;
  }

  // events yields objects with a type, until the answer is over. It throws a ChatError if
  // the answer fails. An answer has one reader; leaving the loop disconnects.
  async *events() {
    try {
      for (;;) {
        if (!this.#queue.length && !this.#isEnded) await new Promise(resolve => { this.#arrived = resolve; });
        await nextFrame();
        yield* this.#queue.splice(0);
        if (this.#queue.length || !this.#isEnded) continue;
        if (this.error) throw this.error;
        return;
      }
    } finally {
      this.disconnect();
    }
  }

  // The iterator yields the text.
  async *[Symbol.asyncIterator]() {
    for await (const { type, text } of this.events()) if (type === "text") yield text;
  }

  // stop ends the answer at the service and for later viewers, and returns the text so far.
  async stop() {
    if (this.isOver) return this.text;
    this.#end("stopped");
    this.#abort.abort();
    const last = this.#connection?.last;
    await this.#command("DELETE", last ? `?at=${encodeURIComponent(last)}` : "");
    return this.text;
  }

  // disconnect ends events() and leaves the stream at the server: resume continues it.
  disconnect() {
    this.#isLeft = true;
    this.#connection?.close();
    if (!this.#url) this.#abort.abort();
    this.#memory?.release();
    this.#arrived();
  }

  // skip makes the server send the backlog at once.
  skip() {
    return this.#command("POST", "/skip");
  }

  // tempo changes the tempo of the running answer.
  tempo(tempo) {
    const before = this.#options.tempo;
    const after = this.#options.tempo = { ...before, ...tempo };
    if (!this.isOver && Object.keys(after).some(name => after[name] !== before[name])) this.#connection?.renew(parameters(after));
  }

  // retry returns a new answer: the rest of this one if the connection failed, otherwise
  // the answer to the same question.
  retry() {
    const { code } = this.error ?? {};
    const options = { ...this.#options };
    if (this.#url && (code === "unreachable" || code === "busy")) return new Answer(options, this.snapshot());
    if (this.#url) delete options.id;
    return new Answer(options);
  }

  #restore({ url, text, reasoning, conversation, stateless, inMessage }) {
    Object.assign(this, { text, reasoning, conversation, stateless });
    [this.#url, this.#inMessage] = [url, inMessage];
    if (conversation) this.#push({ type: "conversation", conversation });
    if (reasoning) this.#push({ type: "reasoning", text: reasoning });
    if (text) this.#push({ type: "text", text });
  }

  async #run(last) {
    try {
      this.#url ??= await this.#start();
      if (this.isOver) return this.#command("DELETE", "");
      const url = new URL(this.#url);
      for (const [name, value] of Object.entries(parameters(this.#options.tempo))) url.searchParams.set(name, value);
      this.#connection = new Connection(url, { last, headers: this.#headers(), onState: status => this.#change(status || this.#steady) });
      if (this.#isLeft) return;
      if (this.#options.remember) this.#memory = keep(this.#options.remember, this);
      for await (const event of this.#connection.events()) {
        this.#receive(event);
        if (this.isOver) return;
      }
    } catch (problem) {
      this.#fail(problem);
    }
  }

  // start starts the stream and returns its URL. The id makes a retry safe: the server
  // asks the service once.
  async #start() {
    const { url = "/v3/chat", id } = this.#options;
    const target = new URL(url, globalThis.location?.href);
    const { body, type, conversation } = request(this.#options);
    if (conversation) target.searchParams.set("conversation_id", conversation);
    const headers = { ...this.#headers(), Prefer: "respond-async", "Idempotency-Key": id, "Content-Type": type };
    const giveUp = Date.now() + startPatience;
    for (let [tries, timeouts] = [0, 0]; ; tries++) {
      const attempt = this.#abort = new AbortController();
      const timer = setTimeout(() => attempt.abort(), startTimeout);
      try {
        const response = await fetch(target, { method: "POST", headers, body, signal: attempt.signal });
        if (response.status !== 202) throw await replyError(response);
        const { url: stream, stateless } = await response.json();
        this.stateless = stateless ?? false;
        return new URL(stream, target).href;
      } catch (problem) {
        if (problem instanceof ChatError || this.isOver) throw problem;
        const isLast = attempt.signal.aborted ? ++timeouts === maxTimeouts : Date.now() > giveUp;
        if (isLast || this.#isLeft) throw new ChatError("unreachable", "the server cannot be reached");
        this.#change(globalThis.navigator?.onLine === false ? "offline" : "connecting");
        await new Promise(resolve => setTimeout(resolve, backoff(tries)));
        if (this.#isEnded) throw problem;
      } finally {
        clearTimeout(timer);
      }
    }
  }

  #headers() {
    const { key, headers } = this.#options;
    return key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
  }

  // command ignores errors: the stream shows the result.
  async #command(method, path) {
    if (this.#url) await fetch(this.#url + path, { method, headers: this.#headers(), keepalive: true }).catch(() => {});
  }

  #receive({ name, data }) {
    if (name === "done" || data === "[DONE]" || data === '"[DONE]"') return this.#end("done");
    const payload = parse(data);
    if (!payload) return;
    const { type = "answer", content, content_type = "text", reasoning_content } = payload;
    const isText = content_type === "text";
    switch (name) {
      case "conversation.chat.created":
        this.conversation = payload.conversation_id ?? "";
        this.#push({ type: "conversation", conversation: this.conversation });
        break;
      case "conversation.message.delta":
        if (isText && reasoning_content) this.#add("reasoning", reasoning_content);
        if (isText && content) this.#add("text", content);
        break;
      case "conversation.message.completed":
        if (type === "follow_up") this.#push({ type: "suggestion", text: content });
        else if (type === "answer" && isText) this.#complete(content);
        break;
      case "conversation.chat.requires_action":
        this.#fail(new ChatError("tool", "the service wants the result of a tool"));
        break;
      case "conversation.chat.failed":
        this.#fail(failure(payload.last_error));
        break;
      case "error":
        this.#fail(failure(payload));
        break;
      case "message":
        this.#advance(payload);
        break;
      default:
        this.#push({ type: "other", name, payload });
    }
  }

  #add(type, text) {
    if (type === "text" && !this.#inMessage && this.text) text = `\n\n${text}`; // another message
    if (type === "text") this.#inMessage = true;
    this[type] += text;
    this.#change(type === "text" ? "typing" : "thinking");
    this.#push({ type, text });
  }

  // complete ends a message. content is needed only if no deltas came.
  #complete(content) {
    if (!this.#inMessage && content) this.#add("text", content);
    this.#inMessage = false;
    this.#push({ type: "message" });
  }

  // advance reports the progress of a job.
  #advance({ status, progress, message, result }) {
    this.#push({ type: "progress", progress, message, result });
    if (status === "done") this.#end("done");
    else if (status === "error") this.#fail(failure({ msg: message }));
    else this.#change("working");
  }

  #push(event) {
    const tail = this.#queue.at(-1);
    if (tail?.type === event.type && event.text && event.type !== "suggestion") tail.text += event.text;
    else this.#queue.push(event);
    this.#arrived();
  }

  #change(status) {
    if (status === this.status || this.isOver) return;
    this.status = status;
    if (status !== "reconnecting" && status !== "offline") this.#steady = status;
    this.#push({ type: "status", status });
  }

  #end(status) {
    this.#change(status);
    this.#connection?.close();
    this.#memory?.drop();
  }

  #fail(problem) {
    if (this.isOver) return;
    this.error = problem instanceof ChatError ? problem : new ChatError("unexpected", String(problem));
    this.#end("failed");
  }
}

// parse returns the object of a data line, or null.
function parse(data) {
  try {
    return Object(JSON.parse(data));
  } catch {
    return null;
  }
}

function failure({ code, msg } = {}) {
  return new ChatError("failed", msg || "the service failed", { serviceCode: code || undefined });
}

// request returns the body of a question. Plain text has no history.
function request({ body, message = "", history = [], conversation }) {
  if (body) return { body: JSON.stringify(body), type: "application/json", conversation };
  if (!history.length) return { body: message, type: "text/plain; charset=utf-8", conversation };
  const additional_messages = [...history, { role: "user", content: message }].map(({ role, content }) => ({ role, content, content_type: "text" }));
  return { body: JSON.stringify({ stream: true, additional_messages }), type: "application/json", conversation };
}

// tempoOf adds the default of readers who prefer reduced motion: text appears as it arrives.
function tempoOf(tempo) {
  const isCalm = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
  return { ...(isCalm && { mode: "raw" }), ...tempo };
}

// parameters returns a tempo as parameters of the server: maxLag is max_lag.
function parameters(tempo) {
  return Object.fromEntries(Object.entries(tempo).map(([name, value]) => [name.replace(/[A-Z]/g, c => `_${c.toLowerCase()}`), value]));
}

// nextFrame waits for the next frame, or for a moment where no frames are drawn.
function nextFrame() {
  return new Promise(resolve => {
    globalThis.requestAnimationFrame?.(resolve);
    setTimeout(resolve, 100);
  });
}

// randomID works on insecure origins, too, which lack crypto.randomUUID.
function randomID() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(b => b.toString(16).padStart(2, "0")).join("");
}

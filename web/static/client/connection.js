// A stream of server-sent events that survives lost connections.

import { ChatError, replyError } from "./errors.js";

// Times in ms.
const silence = 35_000; // without a byte, the connection is dead; the server's heartbeat is 15 s
const connecting = 5_000; // until the reply begins, which may never come on an old connection
const patience = 60_000; // without an event or heartbeat, the server is dead
const slowestRetry = 8_000;
const stale = 5_000; // a silent connection is renewed when the page becomes visible

// temporary are the codes of errors that may pass.
const temporary = new Set(["busy", "limit", "unexpected"]);

const wakeEvents = ["online", "pageshow", "visibilitychange"];

// backoff returns the pause before a retry: exponential, with jitter.
export function backoff(tries) {
  return Math.min(slowestRetry, 500 * 2 ** tries) * (0.5 + Math.random() / 2);
}

// Connection follows the stream at url, over any number of connections.
export class Connection {
  last; // id of the last event
  #url; #headers; #onState;
  #abort = new AbortController();
  #isClosed = false;
  #isRenewed = false; // connect again without a pause
  #seen = Date.now(); // time of the last byte
  #alive = Date.now(); // time of the last event or heartbeat
  #tries = 0;
  #problem = null; // of the last connection, if the server replied
  #wake = () => {};

  // onState is called with reconnecting or offline before a wait for the next connection,
  // and with "" when connected.
  constructor(url, { last = "", headers, onState }) {
    this.#url = new URL(url);
    [this.last, this.#headers, this.#onState] = [last, headers, onState];
  }

  // events yields {name, data} until close, and throws a ChatError if the stream is lost.
  async *events() {
    const onWake = e => this.#onWake(e);
    for (const name of wakeEvents) globalThis.addEventListener?.(name, onWake, true);
    try {
      while (!this.#isClosed) {
        yield* this.#connect();
        if (!this.#isClosed && !this.#isRenewed) await this.#pause();
        this.#isRenewed = false;
      }
    } finally {
      for (const name of wakeEvents) globalThis.removeEventListener?.(name, onWake, true);
      this.close();
    }
  }

  // renew continues the stream behind the last event, with other parameters.
  renew(parameters = {}) {
    for (const [name, value] of Object.entries(parameters)) this.#url.searchParams.set(name, value);
    this.#isRenewed = true;
    this.#abort.abort();
    this.#wake();
  }

  close() {
    this.#isClosed = true;
    this.#abort.abort();
    this.#wake();
  }

  // connect yields the events of one connection. A lost connection is no error.
  async *#connect() {
    const abort = this.#abort = new AbortController();
    const headers = { Accept: "text/event-stream", ...this.#headers };
    if (this.last) headers["Last-Event-ID"] = this.last;
    this.#problem = null;
    this.#seen = Date.now();
    let limit = connecting;
    const watchdog = setInterval(() => { if (Date.now() - this.#seen > limit) abort.abort(); }, 1000);
    try {
      const response = await fetch(this.#url, { headers, signal: abort.signal, cache: "no-store" });
      if (response.headers.get("Typewriter-Resume") === "finished") {
        yield { name: "done", data: "" };
        return;
      }
      const isStream = response.status === 200 && response.headers.get("Content-Type")?.startsWith("text/event-stream");
      if (!isStream) throw await replyError(response);
      limit = silence;
      this.#onState("");
      yield* this.#read(response.body.getReader());
    } catch (problem) {
      if (problem instanceof ChatError) this.#problem = problem;
      if (this.#problem && !temporary.has(this.#problem.code)) throw this.#problem;
    } finally {
      clearInterval(watchdog);
      abort.abort();
    }
  }

  async *#read(reader) {
    const decoder = new TextDecoder();
    let rest = "";
    let event = {};
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#seen = Date.now();
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line) {
          const [, name, text] = /^([^:]*):? ?(.*)$/s.exec(line);
          event[name] = name === "data" && "data" in event ? `${event.data}\n${text}` : text;
          continue;
        }
        const { id, event: name = "message", data, retry } = event;
        event = {};
        if (id !== undefined) this.last = id;
        if (retry === undefined && id === undefined || data !== undefined) [this.#alive, this.#tries] = [Date.now(), 0];
        if (data !== undefined) yield { name, data };
      }
    }
  }

  // pause waits before the next connection, also for the network.
  async #pause() {
    if (isOffline()) {
      this.#onState("offline");
      await this.#sleep();
      this.#alive = Date.now();
    }
    const left = this.#alive + patience - Date.now();
    if (left <= 0) throw this.#problem ?? new ChatError("unreachable", "the server does not respond");
    this.#onState("reconnecting");
    await this.#sleep(Math.min(backoff(this.#tries++), left));
  }

  // sleep waits for a time or a wake-up call.
  #sleep(ms) {
    return new Promise(resolve => {
      const timer = ms === undefined ? 0 : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  // onWake retries at once after the page was hidden or frozen, or the network was away.
  #onWake(e) {
    if (isOffline() || e.type === "visibilitychange" && document.hidden) return;
    if (Date.now() - this.#seen > stale) this.renew();
    else this.#wake();
  }
}

function isOffline() {
  return globalThis.navigator?.onLine === false;
}

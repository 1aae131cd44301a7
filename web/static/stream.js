// A stream of the server, followed to its end over several connections if necessary.

import { apiKey, headers, RequestError } from "./api.js";
import { say } from "./i18n.js";

// Retries, with a linear backoff in ms. An EventSource gives up for good at any status but
// 200, even at a temporary 502 of a reverse proxy.
const maxTries = 6;
const pause = 1000;

// Stream follows a URL. It calls on.event(name, data) for each event with one of the names,
// on.reconnecting() after a lost connection, and on.lost(error) when the stream is gone or
// unreachable. After close(), it makes no calls.
export class Stream {
  #url; #names; #on; #source;
  #last = "";
  #tries = 0;
  #closed = false;

  constructor(url, names, on) {
    [this.#url, this.#names, this.#on] = [new URL(url, location), names, on];
    if (apiKey()) this.#url.searchParams.set("api_key", apiKey()); // an EventSource cannot send headers
    this.#open();
  }

  // reopen continues the stream after the last event with other parameters.
  reopen(parameters) {
    for (const [name, value] of parameters) this.#url.searchParams.set(name, value);
    if (this.#last) this.#url.searchParams.set("lastEventId", this.#last);
    this.#source.close();
    this.#open();
  }

  close() {
    this.#closed = true;
    this.#source.close();
  }

  #open() {
    this.#source = new EventSource(this.#url);
    for (const name of this.#names) this.#source.addEventListener(name, e => this.#receive(e));
    // Error events of the stream have data, unlike those of EventSource itself.
    this.#source.addEventListener("error", e => "data" in e ? this.#receive(e) : this.#interrupted());
  }

  #receive(e) {
    this.#last = e.lastEventId;
    this.#tries = 0;
    this.#on.event(e.type, e.data);
  }

  #interrupted() {
    if (this.#closed) return;
    this.#on.reconnecting();
    if (this.#source.readyState === EventSource.CLOSED) this.#diagnose();
  }

  // diagnose requests the status that made the EventSource give up, and reopens it if possible.
  async #diagnose() {
    if (this.#last) this.#url.searchParams.set("lastEventId", this.#last);
    while (this.#tries < maxTries) {
      await new Promise(resolve => setTimeout(resolve, pause * this.#tries++));
      if (this.#closed) return;
      const status = await this.#status();
      if (this.#closed) return;
      switch (true) {
        case status === 200:
          this.#open();
          return;
        case status === 204:
          this.#on.lost(new RequestError(status, say("gone")));
          return;
        case status >= 400 && status < 500 && status !== 429:
          this.#on.lost(new RequestError(status));
          return;
      }
    }
    this.#on.lost(new RequestError(0, say("unreachable")));
  }

  // status returns the status of the stream's URL, or 0 if the server is unreachable.
  async #status() {
    const abort = new AbortController();
    try {
      const response = await fetch(this.#url, { headers: headers(), signal: abort.signal });
      return response.status;
    } catch {
      return 0;
    } finally {
      abort.abort();
    }
  }
}

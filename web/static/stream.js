// A stream of our server's, followed to its end over as many connections as that takes.

import { apiKey, headers, Refused } from "./api.js";
import { say } from "./i18n.js";

// An EventSource gives up for good at any answer but 200: a server in between that
// could not reach ours for a moment is enough. So it is asked again, so often and after
// such a pause, which grows.
const mostTries = 6;
const pause = 1000;

// Stream follows a URL. It calls on.event(name, data) for each event with one of the
// names, on.reconnecting() when the connection is lost, and on.lost(error) when the
// stream cannot be had any more. After close it calls nothing.
export class Stream {
  #url; #names; #on; #source;
  #last = "";
  #tries = 0;
  #closed = false;

  constructor(url, names, on) {
    [this.#url, this.#names, this.#on] = [new URL(url, location), names, on];
    if (apiKey()) this.#url.searchParams.set("api_key", apiKey()); // it can send no header
    this.#open();
  }

  close() {
    this.#closed = true;
    this.#source.close();
  }

  #open() {
    this.#source = new EventSource(this.#url);
    for (const name of this.#names) this.#source.addEventListener(name, e => this.#receive(e));
    // An event of the stream may be named so, too, but has data.
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

  // diagnose finds out why an EventSource has given up, which does not say so itself.
  async #diagnose() {
    if (this.#last) this.#url.searchParams.set("lastEventId", this.#last);
    while (this.#tries < mostTries) {
      await new Promise(resolve => setTimeout(resolve, pause * this.#tries++));
      if (this.#closed) return;
      const status = await this.#ask();
      if (this.#closed) return;
      switch (true) {
        case status === 200:
          this.#open();
          return;
        case status === 204:
          this.#on.lost(new Refused(status, say("gone")));
          return;
        case status >= 400 && status < 500 && status !== 429:
          this.#on.lost(new Refused(status));
          return;
      }
    }
    this.#on.lost(new Refused(0, say("unreachable")));
  }

  // ask returns the status of the stream's URL, 0 if there is none.
  async #ask() {
    const enough = new AbortController();
    try {
      const answer = await fetch(this.#url, { headers: headers(), signal: enough.signal });
      return answer.status;
    } catch {
      return 0;
    } finally {
      enough.abort();
    }
  }
}

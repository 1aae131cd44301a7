// Requests to our server, with the reader's API key if it wants one.

import { say } from "./i18n.js";

const keyName = "typewriter.key";

// apiKey returns the key that the reader has given in this tab, or "".
export function apiKey() {
  return sessionStorage.getItem(keyName) ?? "";
}

export function setAPIKey(key) {
  sessionStorage.setItem(keyName, key);
}

// headers returns a request's headers: some, and the key.
export function headers(some = {}) {
  return apiKey() ? { ...some, Authorization: `Bearer ${apiKey()}` } : some;
}

// Refused is an answer that is not the one asked for; its message is for the reader.
export class Refused extends Error {
  constructor(status, message) {
    super(message || say("refused", { status }));
    this.status = status;
  }
}

// start has the server begin something without a reader, and returns the URL of its
// stream.
export async function start(path, { body, type, signal }) {
  let answer;
  try {
    answer = await fetch(path, { method: "POST", headers: headers({ Prefer: "respond-async", "Content-Type": type }), body, signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new Refused(0, say("unreachable"));
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.status !== 202) {
    throw new Refused(answer.status, said.msg && `${said.msg} (${said.code})`);
  }
  return said.url;
}

// act does something with a stream: it is skipped (POST .../skip) or stopped (DELETE).
// Whether that worked shows in the stream.
export async function act(method, path) {
  await fetch(path, { method, headers: headers(), keepalive: true }).catch(() => {});
}

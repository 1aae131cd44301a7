// Requests to the server, with the user's API key if required.

import { say } from "./i18n.js";

const keyName = "typewriter.key";

// apiKey returns the key entered in this tab, or "".
export function apiKey() {
  return sessionStorage.getItem(keyName) ?? "";
}

export function setAPIKey(key) {
  sessionStorage.setItem(keyName, key);
}

// headers adds the key to the headers of a request.
export function headers(some = {}) {
  return apiKey() ? { ...some, Authorization: `Bearer ${apiKey()}` } : some;
}

// RequestError is an unexpected reply. The message is shown to the user.
export class RequestError extends Error {
  constructor(status, message) {
    super(message || say("rejected", { status }));
    this.status = status;
  }
}

// start starts a stream at the server without reading it, and returns the reply: the url of
// the stream, and stateless if the AI service keeps no conversations.
export async function start(path, { body, type, signal }) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: headers({ Prefer: "respond-async", "Content-Type": type }), body, signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new RequestError(0, say("unreachable"));
  }
  const reply = await response.json().catch(() => ({}));
  if (response.status !== 202) {
    throw new RequestError(response.status, reply.msg && `${reply.msg} (${reply.code})`);
  }
  return reply;
}

// command skips (POST .../skip) or stops (DELETE) a stream. Errors are ignored: the stream
// shows the result.
export async function command(method, path) {
  await fetch(path, { method, headers: headers(), keepalive: true }).catch(() => {});
}

// The API key of the reader, and the form that asks for it.

import { byId, hide } from "./dom.js";
import { say } from "./i18n.js";
import { tabStorage } from "./storage.js";

const stored = "typewriter.key";

// apiKey returns the key entered in this tab, or "".
export function apiKey() {
  return tabStorage.read(stored) ?? "";
}

// headers adds the key to the headers of a request.
export function headers(some = {}) {
  return apiKey() ? { ...some, Authorization: `Bearer ${apiKey()}` } : some;
}

// askForKey shows the form, and calls again() after a key is entered. isRefused tells
// whether the AI service refused a token, or this server wants a key.
export function askForKey(again, heir, isRefused) {
  const [form, field] = [byId("key"), byId("key-value")];
  byId("key-label").textContent = say(isRefused ? "tokenWanted" : "keyWanted");
  form.hidden = false;
  field.focus();
  form.onsubmit = e => {
    e.preventDefault();
    tabStorage.write(stored, field.value.trim());
    field.value = "";
    hide(form, heir);
    again();
  };
}

// The field of the question.

import { byId } from "./dom.js";

const composing = 229; // keyCode of a key that an input method handles, also in Safari

// Composer sends the question with Enter, recalls earlier questions with the arrow keys, and
// calls send(text), and cancel() with Escape.
export class Composer {
  #field = byId("question");
  #asked = () => [];
  #at = 0; // how many questions back the field shows
  #draft = "";

  // asked returns the questions so far.
  constructor({ send, cancel, asked }) {
    this.#asked = asked;
    this.#field.addEventListener("keydown", e => {
      if (e.isComposing || e.keyCode === composing) return;
      if (e.key === "Enter" && !e.shiftKey) {
        e.preventDefault();
        send();
      }
      if (e.key === "ArrowUp" || e.key === "ArrowDown") this.#recall(e);
    });
    this.#field.addEventListener("input", () => { this.#at = 0; });
    document.addEventListener("keydown", e => {
      if (e.key === "Escape" && !e.isComposing && e.keyCode !== composing && !document.querySelector("dialog[open]")) cancel();
    });
  }

  // take returns the question and empties the field.
  take() {
    const text = this.#field.value.trim();
    if (text) this.set("");
    return text;
  }

  set(text) {
    this.#field.value = text;
    this.#at = 0;
  }

  get text() {
    return this.#field.value;
  }

  focus() {
    this.#field.focus();
  }

  // recall shows an earlier or later question, unless the field has another text.
  #recall(e) {
    const asked = this.#asked();
    if (this.#at === 0) {
      if (this.#field.value.trim() || e.key === "ArrowDown") return;
      this.#draft = this.#field.value;
    }
    const at = this.#at + (e.key === "ArrowUp" ? 1 : -1);
    if (at > asked.length) return;
    e.preventDefault();
    const text = at === 0 ? this.#draft : asked[asked.length - at];
    this.#field.value = text;
    this.#field.setSelectionRange(text.length, text.length);
    this.#at = at;
  }
}

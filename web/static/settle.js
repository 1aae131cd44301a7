// What a screen reader says: sentences that are finished, and never characters.

// finished matches a text up to the end of its last sentence.
const finished = /^[^]*(?:[。！？…\n]|[.!?](?=\s))["'”’」』）)]*/;

// marks are Markdown's, which nobody wants to hear.
const marks = /[#*`>|~_]+/g;

// mostSentences bounds what the region holds; what is older has been said.
const mostSentences = 20;

// Settler says text in a live region.
export class Settler {
  #region;
  #waiting = "";

  constructor(region) {
    this.#region = region;
  }

  add(text) {
    this.#waiting += text;
    const said = finished.exec(this.#waiting)?.[0];
    if (!said) return;
    this.#waiting = this.#waiting.slice(said.length);
    this.#say(said);
  }

  // end says what is left, which will not be finished any more.
  end() {
    this.#say(this.#waiting);
    this.#waiting = "";
  }

  #say(text) {
    const sentence = text.replace(marks, "").trim();
    if (sentence === "") return;
    const p = document.createElement("p");
    p.textContent = sentence;
    this.#region.append(p);
    while (this.#region.childElementCount > mostSentences) this.#region.firstElementChild.remove();
  }
}

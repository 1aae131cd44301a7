// Announcements for screen readers: whole sentences instead of characters.

// finished matches a text up to the end of its last complete sentence.
const finished = /^[^]*(?:[。！？…\n]|[.!?](?=\s))["'”’」』）)]*/;

// marks matches Markdown syntax, which is not announced: the address of a link, too.
const marks = /[#*`>|~_]+|!?\[(?=[^\]]*\]\()|\]\([^)]*\)/g;

// kept is the time in ms after which a sentence has been announced and leaves the region.
const kept = 10_000;

// Announcer adds complete sentences to a live region.
export class Announcer {
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

  // end announces the rest of the text.
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
    setTimeout(() => p.remove(), kept);
  }
}

// Growing text in the page, written at most once per frame.

// blockLength is the number of characters after which a newline starts a new block, so that
// added text causes a layout of the last lines only.
const blockLength = 1000;

// Typist appends plain text to an element, and calls drawn(added) after each write.
export class Typist {
  text = "";
  #place; #drawn; #node;
  #pending = "";
  #frame = 0;

  constructor(place, drawn) {
    [this.#place, this.#drawn] = [place, drawn];
  }

  write(text) {
    this.text += text;
    this.#pending += text;
    this.#frame ||= requestAnimationFrame(() => this.flush());
  }

  // flush writes pending text immediately.
  flush() {
    cancelAnimationFrame(this.#frame);
    const added = this.#pending;
    [this.#frame, this.#pending] = [0, ""];
    if (added === "") return;
    for (let rest = added; rest !== "";) {
      const end = this.#room(rest);
      this.#append(rest.slice(0, end));
      rest = rest.slice(end);
    }
    this.#drawn(added);
  }

  // room returns the length of the part of text that belongs to the last block.
  #room(text) {
    const filled = this.#node?.length ?? 0;
    const end = text.indexOf("\n", Math.max(0, blockLength - filled));
    return end < 0 ? text.length : end + 1;
  }

  #append(text) {
    if (!this.#node) {
      const block = document.createElement("div");
      this.#node = block.appendChild(document.createTextNode(""));
      this.#place.append(block);
    }
    this.#node.appendData(text);
    if (this.#node.length > blockLength && text.endsWith("\n")) this.#node = null;
  }
}

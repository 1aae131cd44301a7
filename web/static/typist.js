// Text that grows in the page: however fast it comes, it is written once a frame.

// blockLength is how many characters a block has before a new one begins, at the next
// newline: so only the last few lines are laid out again when text is added.
const blockLength = 1000;

// Typist writes into an element. Text stays text, newlines too. It calls drawn(added)
// after it has written.
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

  // flush writes what waits at once.
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

  // room returns how much of a text still goes into the last block.
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

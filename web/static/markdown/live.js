// Markdown that grows: finished blocks stay as they are, and the last one changes with each
// piece of text.

import { make } from "../dom.js";
import { say } from "../i18n.js";
import { build } from "./build.js";
import { finishCode, reach } from "./code.js";
import { drawFormulas } from "./math.js";
import { morph } from "./morph.js";
import { parse } from "./parse.js";

const slice = 3000; // characters that are drawn in a frame at most
const maxOpen = 32_000; // characters of a block that is still drawn anew with each piece

// undecided matches a last line that may become a mark of any kind.
const undecided = /(?:^|\n)[ \t>]*(?:[-=*+_#~`|:$]{1,5}|\d{1,9}[.)]?|\\[[(]?)[ \t]*$/;

// After a slow drawing, the next one waits for twice its time, at most for so many ms.
const longestRest = 100;

// LiveMarkdown appends formatted text to an element, and calls drawn() after each drawing.
export class LiveMarkdown {
  text = "";
  #place; #drawn;
  #pending = ""; // not drawn yet
  #open = ""; // the source of the blocks that are not finished
  #closed = 0; // the number of elements that are finished
  #sources = []; // of the finished elements
  #references = {}; // the definitions of links
  #timer = 0;
  #isEnded = false;
  #onEnded = () => {};
  #whenEnded = new Promise(resolve => { this.#onEnded = resolve; });
  #mark = make("span", { className: "cursor" });

  constructor(place, drawn) {
    [this.#place, this.#drawn] = [place, drawn];
  }

  write(text) {
    if (!text) return;
    this.text += text;
    this.#pending += text;
    this.#timer ||= requestAnimationFrame(() => this.#draw());
  }

  // end finishes the text, and resolves once all is drawn.
  end() {
    this.#isEnded = true;
    this.#timer ||= requestAnimationFrame(() => this.#draw());
    return this.#whenEnded;
  }

  #draw() {
    const begun = performance.now();
    const added = this.#pending.slice(0, this.#sliceEnd());
    this.#pending = this.#pending.slice(added.length);
    this.#open += added;
    const isLast = this.#isEnded && this.#pending === "";
    this.#render(isLast);
    this.#drawn();
    if (isLast) this.#finish();
    const again = () => {
      this.#timer = 0;
      if (this.#pending || this.#isEnded && !isLast) this.#timer = requestAnimationFrame(() => this.#draw());
    };
    const cost = performance.now() - begun;
    if (cost < 8) again();
    else setTimeout(again, Math.min(2 * cost, longestRest)); // the timer keeps write from drawing earlier
  }

  // sliceEnd returns the end of the piece to draw, at the end of a line if it is long.
  #sliceEnd() {
    if (this.#pending.length <= slice) return this.#pending.length;
    return this.#pending.lastIndexOf("\n", slice) + 1 || slice;
  }

  #render(isLast) {
    const source = isLast ? this.#open : this.#open.replace(undecided, "");
    const tokens = parse(source, { references: { ...this.#references }, isOpen: !isLast });
    this.#mark.remove();
    morph(this.#place, build(tokens), this.#place.children[this.#closed] ?? null);
    for (let i = this.#closed; i < this.#place.childElementCount; i++) drawFormulas(this.#place.children[i]);
    if (!isLast) this.#cursor();
    const starts = tokens.filter(t => t.level === 0 && t.map && t.nesting >= 0).map(t => t.map[0]);
    const isFence = tokens.at(-1)?.type === "fence";
    if (isLast || this.#open.length > maxOpen && !isFence) this.#close(starts, starts.length);
    else if (starts.length > 1) this.#close(starts, starts.length - 1);
  }

  // close finishes the first n of the open blocks, which start at some lines.
  #close(starts, n) {
    const offsets = [0, ...starts.slice(1).map(line => offsetOf(this.#open, line))];
    const end = n < starts.length ? offsets[n] : this.#open.length;
    for (let i = 0; i < n; i++) {
      this.#sources.push(this.#open.slice(offsets[i], offsets[i + 1] ?? end));
      const element = this.#place.children[this.#closed++];
      finish(element);
    }
    const closed = this.#open.slice(0, end);
    if (/^ {0,3}\[/m.test(closed)) parse(closed, { references: this.#references });
    this.#open = this.#open.slice(end);
  }

  // finish draws those blocks again that may refer to links which were defined later.
  #finish() {
    if (Object.keys(this.#references).length) {
      this.#sources.forEach((source, i) => {
        const element = this.#place.children[i];
        if (!source.includes("]") || element.matches(".code")) return;
        const fresh = build(parse(source, { references: this.#references }));
        if (fresh.childElementCount !== 1) return;
        drawFormulas(fresh.firstChild);
        element.replaceWith(fresh);
      });
    }
    this.#onEnded();
  }

  // cursor puts the cursor behind the last character.
  #cursor() {
    let last = this.#place;
    while (last.lastElementChild?.matches(containers)) last = last.lastElementChild;
    last.append(this.#mark);
  }
}

// finish completes the blocks of code and the tables of an element.
function finish(element) {
  for (const e of [element, ...element.querySelectorAll(".code, .scroll")]) {
    if (e.matches(".code")) finishCode(e);
    if (e.matches(".scroll")) reach(e, say("table"));
  }
}

const containers = "p, ul, ol, li, blockquote, h1, h2, h3, h4, h5, h6, figure.code, pre, code, .scroll, table, tbody, thead, tr, th, td";

function offsetOf(text, line) {
  let at = 0;
  for (let i = 0; i < line; i++) at = text.indexOf("\n", at) + 1;
  return at;
}

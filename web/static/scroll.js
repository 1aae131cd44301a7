// Scrolling of growing text: follows the end unless the user has scrolled up.

// near is the distance in pixels that still counts as the end.
const near = 48;

export class Follower {
  #scroller; #button;
  #following = true;
  #top = 0;

  // The button scrolls to the end, and is visible while there is text below.
  constructor(scroller, button) {
    [this.#scroller, this.#button] = [scroller, button];
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => {
      scroller.focus({ preventScroll: true });
      this.toEnd();
    });
  }

  // follow must be called after text was added.
  follow() {
    if (this.#following) this.toEnd();
    else this.#button.hidden = this.#isNearEnd();
  }

  // toEnd scrolls to the end and follows it.
  toEnd() {
    this.#following = true;
    this.#button.hidden = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
  }

  // swap replaces plain text by its formatted version without moving the visible text: the
  // last block that starts above the upper edge keeps its position.
  swap(place, text, formatted) {
    if (this.#following) {
      place.replaceWith(formatted);
      this.toEnd();
      return;
    }
    const edge = this.#scroller.getBoundingClientRect().top;
    const before = place.getBoundingClientRect();
    if (before.bottom <= edge) {
      place.replaceWith(formatted);
      this.#moveBy(formatted.getBoundingClientRect().bottom - before.bottom);
      return;
    }
    const kept = lastAbove(edge, place, text, formatted);
    place.replaceWith(formatted);
    if (kept) this.#moveBy(kept.block.getBoundingClientRect().top - kept.y);
    this.follow();
  }

  #moveBy(pixels) {
    this.#scroller.scrollTop += pixels;
    this.#top = this.#scroller.scrollTop;
  }

  // Scrolling up stops following. Growing text never scrolls up.
  #scrolled() {
    const up = this.#scroller.scrollTop < this.#top;
    this.#top = this.#scroller.scrollTop;
    if (this.#isNearEnd()) this.#following = true;
    else if (up) this.#following = false;
    if (this.#following) this.#button.hidden = true;
  }

  #isNearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < near;
  }
}

// lastAbove returns the last formatted block whose line starts above the edge in the plain
// text, and the position of that line.
function lastAbove(edge, place, text, formatted) {
  let kept = null;
  const starts = lineStarts(text);
  for (const block of formatted.querySelectorAll("[data-line]")) {
    const y = topOf(place, starts[block.dataset.line]);
    if (y > edge) break;
    kept = { block, y };
  }
  return kept;
}

function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

// topOf returns the position of the character at an offset of the plain text.
function topOf(place, offset) {
  for (const { firstChild: node } of place.children) {
    if (offset < node.length) {
      const range = document.createRange();
      range.setStart(node, offset);
      range.setEnd(node, offset + 1);
      return range.getBoundingClientRect().top;
    }
    offset -= node.length;
  }
  return Infinity;
}

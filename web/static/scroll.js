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

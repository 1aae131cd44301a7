// The controls of mode and speed, which act on the next answer.

import { byId } from "./dom.js";

const stored = "typewriter.tempo";

// Tempo keeps what was chosen, for the next visit. Whoever wants little motion gets
// text as it comes, and can still choose otherwise for this one.
export class Tempo {
  #mode = byId("mode");
  #speed = byId("speed");
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  constructor() {
    const { mode, speed } = JSON.parse(localStorage.getItem(stored) ?? "{}");
    choose(this.#mode, mode);
    choose(this.#speed, speed);
    const slowDown = () => { if (this.#calm.matches) this.#mode.value = "raw"; };
    slowDown();
    this.#calm.addEventListener("change", slowDown);
    for (const control of [this.#mode, this.#speed]) {
      control.addEventListener("change", () => localStorage.setItem(stored, JSON.stringify(this.value)));
    }
  }

  // value is what is chosen, as the server's parameters.
  get value() {
    return { mode: this.#mode.value, speed: this.#speed.value };
  }
}

function choose(control, value) {
  if ([...control.options].some(o => o.value === value)) control.value = value;
}

// The controls of mode and speed.

import { byId } from "./dom.js";
import { siteStorage } from "./storage.js";

const stored = "typewriter.tempo";

// Tempo stores the selection for the next visit. Users who prefer reduced motion start with
// raw mode, and can change it for the current visit. Each change calls changed(value).
export class Tempo {
  #mode = byId("mode");
  #speed = byId("speed");
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(changed) {
    const { mode, speed } = siteStorage.read(stored) ?? {};
    choose(this.#mode, mode);
    choose(this.#speed, speed);
    const slowDown = () => { if (this.#calm.matches) this.#mode.value = "raw"; };
    slowDown();
    this.#calm.addEventListener("change", slowDown);
    for (const control of [this.#mode, this.#speed]) {
      control.addEventListener("change", () => {
        siteStorage.write(stored, this.value);
        changed(this.value);
      });
    }
  }

  // value returns the selection as parameters of the server.
  get value() {
    return { mode: this.#mode.value, speed: this.#speed.value };
  }
}

function choose(control, value) {
  if ([...control.options].some(o => o.value === value)) control.value = value;
}

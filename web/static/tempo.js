// The controls of the tempo: mode, speed, and how far behind the text may be.

import { byId } from "./dom.js";
import { say } from "./i18n.js";
import { siteStorage } from "./storage.js";

const stored = "typewriter.tempo";

// automaticLag is the longest lag in seconds at speed 1 of the server's default settings.
const automaticLag = { typewriter: 3, smooth: 1 };

// Tempo stores the selection for the next visit. Users who prefer reduced motion start with
// raw mode, and can change it for the current visit. Each change calls changed(value).
export class Tempo {
  #panel = byId("tempo");
  #mode = byId("mode");
  #speed = byId("speed");
  #lag = byId("lag");
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(changed) {
    for (const option of this.#lag.options) option.textContent = option.value ? say("lagSeconds", { n: parseFloat(option.value) }) : say("lagAuto");
    const { mode, speed, maxLag } = siteStorage.read(stored) ?? {};
    choose(this.#mode, mode);
    choose(this.#speed, speed);
    choose(this.#lag, maxLag);
    const slowDown = () => {
      if (this.#calm.matches) this.#mode.value = "raw";
      this.#explain();
    };
    slowDown();
    this.#calm.addEventListener("change", slowDown);
    for (const control of [this.#mode, this.#speed, this.#lag]) {
      control.addEventListener("change", () => {
        siteStorage.write(stored, this.value);
        this.#explain();
        changed(this.value);
      });
    }
    document.addEventListener("click", e => { if (!this.#panel.contains(e.target)) this.#panel.open = false; });
    this.#panel.addEventListener("keydown", e => {
      if (e.key !== "Escape" || !this.#panel.open) return;
      e.stopPropagation();
      this.#panel.open = false;
      this.#panel.firstElementChild.focus();
    });
  }

  // value returns the selection as a tempo of the client.
  get value() {
    return { mode: this.#mode.value, speed: this.#speed.value, maxLag: this.#lag.value };
  }

  // measure shows the rate of a text while the panel is open. length returns its length.
  measure(length) {
    let before = length();
    setInterval(() => {
      const now = length();
      byId("rate").textContent = now > before ? say("rate", { n: now - before }) : "";
      before = now;
    }, 1000);
  }

  #explain() {
    const { mode, speed, maxLag } = this.value;
    const seconds = parseFloat(maxLag) || automaticLag[mode] / speed;
    const means = { typewriter: "meansTypewriter", smooth: "meansSmooth", raw: "meansRaw" }[mode];
    byId("means").textContent = say(means, { n: Math.round(seconds * 10) / 10 });
    const name = this.#mode.selectedOptions[0].textContent;
    byId("tempo-now").textContent = mode === "raw" ? name : `${name} ${this.#speed.selectedOptions[0].textContent}`;
  }
}

function choose(control, value) {
  if ([...control.options].some(o => o.value === value)) control.value = value;
}

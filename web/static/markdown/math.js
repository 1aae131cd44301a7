// Formulas: their source at first, and drawn by KaTeX once that is loaded.

import { make } from "../dom.js";
import { whole } from "./morph.js";

const ends = { "\\(": "\\)", "\\[": "\\]" };

const settings = { throwOnError: true, strict: "ignore", trust: false, maxSize: 20, maxExpand: 200 };

const undrawn = new WeakMap(); // from elements to formulas

// formula returns an element with the source of a formula.
export function formula(tex, mark, isBlock) {
  const source = `${mark}${tex}${ends[mark] ?? mark}`;
  const element = make(isBlock ? "div" : "span", { className: isBlock ? "math block" : "math", textContent: source });
  undrawn.set(element, tex);
  return whole(element, source);
}

// drawFormulas draws the new formulas of an element. A formula with an error keeps its
// source.
export async function drawFormulas(root) {
  const waiting = [root, ...root.getElementsByClassName("math")].filter(e => undrawn.has(e));
  if (!waiting.length) return;
  const render = loaded ?? await (loading ??= load());
  for (const element of waiting) {
    const tex = undrawn.get(element);
    undrawn.delete(element);
    if (tex === undefined) continue; // drawn by another call
    const source = element.textContent;
    try {
      render(tex, element, { ...settings, displayMode: element.classList.contains("block") });
    } catch {
      element.textContent = source;
    }
  }
}

let loading = null;
let loaded = null;

async function load() {
  const style = make("link", { rel: "stylesheet", href: "/web/vendor/katex.css" });
  const styled = new Promise(resolve => { style.onload = style.onerror = resolve; });
  document.head.append(style);
  const [{ render }] = await Promise.all([import("../vendor/katex.js"), styled]);
  return loaded = render;
}

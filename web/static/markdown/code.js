// Blocks of code: with their language, a button that copies, and colors.

import { copy } from "../copy.js";
import { icon, make } from "../dom.js";
import { say } from "../i18n.js";
import { whole } from "./morph.js";

const maxColored = 20_000; // characters

// codeBlock returns a block of code, which grows by morph.
export function codeBlock(content, language) {
  const text = content.replace(/\n$/, "");
  const code = make("code", { textContent: text });
  const pre = make("pre", { dir: "ltr" }, code);
  const label = make("span", { textContent: language });
  const button = make("button", { type: "button", className: "quiet" }, icon("copy"), make("span", { textContent: say("copy") }));
  button.addEventListener("click", () => copy(button, code.textContent, code));
  const block = make("figure", { className: "code" }, make("figcaption", {}, label, button), pre);
  return whole(block, `${language}\n${text}`, fresh => {
    label.textContent = fresh.querySelector("figcaption span").textContent;
    const wanted = fresh.querySelector("code").textContent;
    const node = code.firstChild;
    if (code.childNodes.length === 1 && node.nodeType === Node.TEXT_NODE && wanted.startsWith(node.data)) node.appendData(wanted.slice(node.length));
    else code.textContent = wanted;
  });
}

// finishCode makes a wide block that is complete reachable by keyboard, and colors it, unless
// the reader has selected a part of it.
export async function finishCode(block) {
  reach(block.querySelector("pre"), say("codeBlock"));
  const code = block.querySelector("code");
  const language = block.querySelector("figcaption span").textContent.toLowerCase();
  const text = code.textContent;
  if (!language || text.length > maxColored) return;
  const { lowlight } = await import("../vendor/lowlight.js");
  if (!lowlight.registered(language) || code.textContent !== text || getSelection()?.containsNode?.(code, true)) return;
  code.replaceChildren(...elements(lowlight.highlight(language, text).children));
}

// reach lets the keyboard scroll an element that is wider than its place.
export function reach(element, label) {
  if (element.scrollWidth <= element.clientWidth) return;
  element.tabIndex = 0;
  element.setAttribute("role", "region");
  element.setAttribute("aria-label", label);
}

// elements returns nodes for a tree of lowlight.
function elements(nodes) {
  return nodes.map(node => node.type === "text"
    ? node.value
    : make("span", { className: node.properties.className.join(" ") }, ...elements(node.children)));
}

// Formatting of Markdown. The server converts Markdown to safe HTML. The page copies only
// known elements of the result, and never parses HTML strings (its policy forbids that).

import { headers } from "./key.js";

// known lists the allowed elements and their attributes.
const known = {
  A: ["href", "title"], BLOCKQUOTE: [], BR: [], CODE: [], DEL: [], EM: [], HR: [], LI: [], OL: ["start"], P: [], PRE: [], STRONG: [],
  H1: [], H2: [], H3: [], H4: [], H5: [], H6: [], UL: [],
  TABLE: [], TBODY: [], TD: ["align"], TH: ["align"], THEAD: [], TR: [],
};

const safeLink = /^(https?:\/\/|mailto:|#)/i;

// format returns the elements for a text, or null if the server cannot convert the text.
export async function format(text) {
  const made = await convert(text);
  if (!made) return null;
  const out = document.createDocumentFragment();
  copy(made.body, out);
  return out;
}

// convert returns the server's HTML as a document without a window, in which nothing is
// executed or loaded.
function convert(text) {
  return new Promise(resolve => {
    const request = new XMLHttpRequest();
    request.open("POST", "/typewriter/markdown");
    request.responseType = "document";
    for (const [name, value] of Object.entries(headers({ "Content-Type": "text/plain; charset=utf-8" }))) {
      request.setRequestHeader(name, value);
    }
    request.onloadend = () => resolve(request.status === 200 ? request.response : null);
    request.send(text);
  });
}

function copy(from, to) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) {
      to.append(node.data);
      continue;
    }
    const attributes = known[node.nodeName];
    if (!attributes) continue;
    const element = document.createElement(node.nodeName);
    for (const name of [...attributes, "data-line"]) {
      if (node.hasAttribute(name)) element.setAttribute(name, node.getAttribute(name));
    }
    if (element.nodeName === "A") secure(element);
    copy(node, element);
    to.append(element);
  }
}

function secure(link) {
  if (!safeLink.test(link.getAttribute("href"))) link.removeAttribute("href");
  link.rel = "noopener noreferrer nofollow";
  link.target = "_blank";
}

// Elements of Markdown. They are made one by one, never from strings of HTML.

import { make } from "../dom.js";
import { say } from "../i18n.js";
import { codeBlock } from "./code.js";
import { formula } from "./math.js";

// names are the elements of tokens that have children.
const names = {
  p: "p", h1: "h1", h2: "h2", h3: "h3", h4: "h4", h5: "h5", h6: "h6", blockquote: "blockquote", ul: "ul", ol: "ol", li: "li",
  table: "table", thead: "thead", tbody: "tbody", tr: "tr", th: "th", td: "td", em: "em", strong: "strong", s: "del", a: "a",
};

// directed are the elements with a direction of text of their own.
const directed = new Set(["p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "th", "td"]);

const alignments = { "text-align:left": "start", "text-align:center": "center", "text-align:right": "end" };

// build returns a fragment with one element for each block.
export function build(tokens) {
  const root = document.createDocumentFragment();
  append(root, tokens);
  return root;
}

function append(root, tokens) {
  const parents = [root];
  for (const token of tokens) {
    const parent = parents.at(-1);
    if (token.nesting < 0) parents.pop();
    else if (token.nesting > 0) parents.push(open(token, parent));
    else leaf(token, parent);
  }
}

// open appends the element of a token with children, and returns the place of the children.
function open(token, parent) {
  if (token.hidden || !names[token.tag]) return parent; // a paragraph of a tight list
  const element = make(names[token.tag]);
  if (directed.has(token.tag)) element.dir = "auto";
  switch (token.type) {
    case "table_open":
      parent.append(make("div", { className: "scroll" }, element));
      return element;
    case "th_open":
    case "td_open":
      if (token.attrGet("style")) element.dataset.align = alignments[token.attrGet("style")];
      break;
    case "ordered_list_open":
      if (token.attrGet("start")) element.start = token.attrGet("start");
      break;
    case "link_open":
      secure(element, token.attrGet("href"), token.attrGet("title"));
      break;
    case "footnote_open":
      element.className = "footnote";
      element.append(make("sup", { textContent: token.meta.label }), " ");
  }
  parent.append(element);
  return element;
}

function leaf(token, parent) {
  switch (token.type) {
    case "inline":
      append(parent, task(token.children, parent));
      break;
    case "text":
    case "text_special":
      parent.append(token.content);
      break;
    case "softbreak":
    case "hardbreak":
      parent.append(make("br"));
      break;
    case "hr":
      parent.append(make("hr"));
      break;
    case "code_inline":
      parent.append(make("code", { textContent: token.content }));
      break;
    case "code_block":
    case "fence":
      parent.append(codeBlock(token.content, token.info.trim().split(/\s/)[0]));
      break;
    case "math_inline":
    case "math_block":
      parent.append(formula(token.content, token.markup, token.type === "math_block"));
      break;
    case "footnote_ref":
      parent.append(make("sup", { className: "footnote-ref", textContent: token.meta.label }));
      break;
    case "image":
      parent.append(imageLink(token));
      break;
    default:
      parent.append(token.content);
  }
}

// task replaces the mark of a task at the start of a list item by a checkbox.
function task(tokens, parent) {
  const mark = /^\[([ xX])\][ \t]/.exec(parent.closest?.("li") && tokens[0]?.type === "text" ? tokens[0].content : "");
  if (!mark) return tokens;
  const box = make("input", { type: "checkbox", disabled: true, defaultChecked: mark[1] !== " " });
  box.setAttribute("aria-label", say(mark[1] === " " ? "taskOpen" : "taskDone"));
  parent.closest("li").classList.add("task");
  parent.append(box, " ");
  tokens[0].content = tokens[0].content.slice(mark[0].length);
  return tokens;
}

// imageLink returns a link to an image. Loading the image would reveal the reader to its
// server, so that is the reader's choice.
function imageLink(token) {
  const href = token.attrGet("src");
  const text = token.children.map(t => t.content).join("") || href;
  const link = make("a", { className: "image", textContent: text });
  secure(link, href, say("imageAt", { host: /^https?:\/\/([^/?#]+)/i.exec(href)?.[1] ?? href }));
  return link;
}

// secure opens a link in a new page that does not learn where it was followed.
function secure(link, href, title) {
  link.href = href;
  if (title) link.title = title;
  link.rel = "noopener noreferrer nofollow";
  link.target = "_blank";
}

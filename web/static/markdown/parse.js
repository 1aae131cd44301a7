// Parsing of Markdown: CommonMark with tables, strikethrough, formulas and footnotes.
// Tags are plain text.

import { MarkdownIt, tex } from "../vendor/markdown-it.js";

const md = new MarkdownIt({ html: false, breaks: true, linkify: true, maxNesting: 50 });
md.use(tex, { delimiters: "all", mathFence: true, render: () => "" });
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
md.validateLink = url => /^(?:https?:\/\/[^/]|mailto:)/i.test(url);
md.block.ruler.before("reference", "footnote", footnote, { alt: ["paragraph"] });
md.inline.ruler.before("link", "footnote_ref", footnoteReference);
md.core.ruler.before("inline", "complete_code", completeCode);
md.inline.ruler2.before("balance_pairs", "complete_emphasis", completeEmphasis);

// parse returns the tokens of a source. In env, references has the definitions of links so
// far, and isOpen tells that the end of the source is not known yet: emphasis and code that
// are open at the end are then closed.
export function parse(source, env) {
  return md.parse(source, env);
}

// footnote parses the definition of a footnote: [^label]: text, to the next blank line or
// definition.
function footnote(state, start, end, silent) {
  const line = i => state.src.slice(state.bMarks[i] + state.tShift[i], state.eMarks[i]);
  const [mark, label] = /^\[\^([^\]\s]{1,50})\]:[ \t]*/.exec(line(start)) ?? [];
  if (!mark || state.sCount[start] - state.blkIndent > 3) return false;
  if (silent) return true;
  let next = start + 1;
  while (next < end && !state.isEmpty(next) && !/^\[\^[^\]\s]+\]:/.test(line(next))) next++;
  state.line = next;
  const map = [start, next];
  Object.assign(state.push("footnote_open", "p", 1), { map, meta: { label } });
  const content = state.getLines(start, next, state.blkIndent, false).trim().slice(mark.length);
  Object.assign(state.push("inline", "", 0), { content, map, children: [] });
  state.push("footnote_close", "p", -1);
  return true;
}

// footnoteReference parses [^label] in a line.
function footnoteReference(state, silent) {
  const [mark, label] = /^\[\^([^\]\s]{1,50})\]/.exec(state.src.slice(state.pos, state.pos + 60)) ?? [];
  if (!mark) return false;
  if (!silent) state.push("footnote_ref", "", 0).meta = { label };
  state.pos += mark.length;
  return true;
}

// completeCode closes a code span that is open at the end.
function completeCode({ env, tokens }) {
  const at = tokens.findLastIndex(t => t.nesting >= 0);
  const last = tokens[at];
  if (!env.isOpen || last?.type !== "inline") return;
  env.last = last;
  let open = "";
  for (const [run] of last.content.matchAll(/`+/g)) {
    if (open === "") open = run;
    else if (open === run) open = "";
  }
  if (open && !last.content.endsWith(open)) last.content += open;
}

// completeEmphasis closes the emphasis that is open at the end, by delimiters without text
// in reverse order. Those that close nothing remain without effect.
function completeEmphasis(state) {
  if (!state.env.isOpen || state.tokens !== state.env.last?.children) return;
  const open = state.delimiters.filter(d => d.open);
  for (const { marker, length } of open.reverse()) {
    state.delimiters.push({ marker, length, token: state.tokens.length, end: -1, open: false, close: true });
    state.push("text", "", 0).content = "";
  }
}

// The progress page: summarizes a text and shows the progress of the job.

import { chat } from "./client/index.js";
import { copy } from "./copy.js";
import { byId, hide } from "./dom.js";
import { lang, say, translate } from "./i18n.js";
import { apiKey, askForKey } from "./key.js";
import { LiveMarkdown } from "./markdown/live.js";
import { explain } from "./problem.js";

translate();

const [text, send, state] = ["text", "send", "state"].map(byId);
const [job, bar, fill, message, percent] = ["job", "progress", "fill", "message", "percent"].map(byId);
const [outcome, result, announcements] = ["outcome", "result", "announcements"].map(byId);

let current = null; // the displayed run

// Run is one summary job.
class Run {
  result = "";
  #job;

  get isOver() {
    return this.#job.isOver;
  }

  // begin follows the job to its end.
  async begin(asked) {
    this.#job = chat({ url: "/ai/summarize", body: { text: asked, lang }, key: apiKey() });
    show("connecting", this);
    try {
      for await (const event of this.#job.events()) this.#display(event);
      show(this.#job.status, this);
    } catch (problem) {
      message.textContent = explain(problem);
      show(this.#job.status, this);
      if (problem.code === "key" || problem.code === "refused") askForKey(begin, text, problem.code === "refused");
      return;
    }
    if (this.result) showResult(this);
  }

  stop() {
    this.#job.stop();
  }

  #display({ type, status, progress, message, result }) {
    if (type === "status" && !this.isOver) show(status, this);
    if (type !== "progress") return;
    advance(progress, message);
    this.result = result ?? "";
  }
}

// advance updates the progress bar and its message.
function advance(progress, said) {
  message.textContent = said;
  percent.textContent = Math.floor(progress) + "%";
  fill.style.width = progress + "%";
  bar.setAttribute("aria-valuenow", Math.floor(progress));
  bar.setAttribute("aria-valuetext", `${Math.floor(progress)}% ${said}`);
}

function show(name, run) {
  state.textContent = say(name);
  state.dataset.state = job.dataset.state = name;
  send.textContent = say(run && !run.isOver ? "stop" : "summarize");
}

// showResult shows the result, formatted.
function showResult(run) {
  announcements.textContent = run.result;
  result.replaceChildren();
  outcome.hidden = false;
  const shown = new LiveMarkdown(result, () => {});
  shown.write(run.result);
  shown.end();
}

function begin() {
  const asked = text.value.trim();
  if (!asked) {
    text.focus();
    return;
  }
  hide(outcome, send);
  announcements.textContent = "";
  job.hidden = false;
  advance(0, "");
  current = new Run();
  current.begin(asked);
}

byId("ask").addEventListener("submit", e => {
  e.preventDefault();
  if (current && !current.isOver) current.stop();
  else begin();
});

document.addEventListener("keydown", e => {
  if (e.key === "Escape" && !e.isComposing) current?.stop();
});

byId("copy").addEventListener("click", e => copy(e.currentTarget, current.result, result));

show("ready");
text.focus();

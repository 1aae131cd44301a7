// The progress page: summarizes a text and shows the progress of the job.

import { chat, resume } from "./client/index.js";
import { copy } from "./copy.js";
import { byId, hide } from "./dom.js";
import { lang, say, translate } from "./i18n.js";
import { apiKey, askForKey } from "./key.js";
import { LiveMarkdown } from "./markdown/live.js";
import { explain } from "./problem.js";
import { tabStorage } from "./storage.js";

translate();

const [text, send, state] = ["text", "send", "state"].map(byId);
const [job, bar, fill, message, percent] = ["job", "progress", "fill", "message", "percent"].map(byId);
const [outcome, result, announcements, again] = ["outcome", "result", "announcements", "again"].map(byId);

const draft = "typewriter.text"; // the text, over a reload

let current = null; // the displayed run

// Run is one summary job.
class Run {
  result = "";
  #job;

  constructor(job) {
    this.#job = job;
  }

  get isOver() {
    return this.#job.isOver;
  }

  // follow shows the job to its end.
  async follow() {
    current = this;
    hide(outcome, send);
    hide(again, send);
    announcements.textContent = "";
    job.hidden = false;
    advance(0, "");
    show("connecting", this);
    try {
      for await (const event of this.#job.events()) this.#display(event);
    } catch (problem) {
      message.textContent = explain(problem);
      again.hidden = false;
      if (problem.code === "key" || problem.code === "refused") askForKey(begin, text, problem.code === "refused");
    }
    show(this.#job.status, this);
    if (this.result) showResult(this);
  }

  stop() {
    this.#job.stop();
  }

  // retry continues the job if only the connection failed, and otherwise begins anew.
  retry() {
    new Run(this.#job.retry()).follow();
  }

  #display({ type, status, progress, message, result }) {
    if (type === "status" && !this.isOver) show(status, this);
    if (type !== "progress") return;
    advance(progress, message);
    this.result = result ?? "";
  }
}

// options returns the options of a job for the client.
function options() {
  return { url: "/ai/summarize", body: { text: text.value.trim(), lang }, key: apiKey(), remember: "summary" };
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
  if (!text.value.trim()) {
    text.focus();
    return;
  }
  new Run(chat(options())).follow();
}

again.addEventListener("click", () => current.retry());
text.addEventListener("input", () => tabStorage.write(draft, text.value));

byId("ask").addEventListener("submit", e => {
  e.preventDefault();
  if (current && !current.isOver) current.stop();
  else begin();
});

document.addEventListener("keydown", e => {
  if (e.key === "Escape" && !e.isComposing && e.keyCode !== 229) current?.stop();
});

byId("copy").addEventListener("click", e => copy(e.currentTarget, current.result, result));

show("ready");
text.value = tabStorage.read(draft) ?? "";
text.focus();
const running = resume(options());
if (running) new Run(running).follow();

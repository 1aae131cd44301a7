// The progress page: summarizes a text and shows the progress of the job.

import { command, RequestError, start } from "./api.js";
import { copy } from "./copy.js";
import { byId, hide } from "./dom.js";
import { lang, say, translate } from "./i18n.js";
import { askForKey } from "./key.js";
import { format } from "./markdown.js";
import { Stream } from "./stream.js";

translate();

const [text, send, state] = ["text", "send", "state"].map(byId);
const [job, bar, fill, message, percent] = ["job", "progress", "fill", "message", "percent"].map(byId);
const [outcome, result, announcements] = ["outcome", "result", "announcements"].map(byId);

let current = null; // the displayed run

// Run is one summary job.
class Run {
  #abort = new AbortController();
  #stream; #url;
  isOver = false;
  result = "";

  async begin(asked) {
    show("connecting", this);
    try {
      const body = JSON.stringify({ text: asked, lang });
      this.#url = (await start("/ai/summarize", { body, type: "application/json", signal: this.#abort.signal })).url;
    } catch (problem) {
      if (!this.isOver) this.#fail(problem);
      return;
    }
    this.#stream = new Stream(this.#url, ["message"], {
      event: (_, data) => this.#receive(JSON.parse(data)),
      reconnecting: () => show("reconnecting", this),
      lost: problem => this.#fail(problem),
    });
  }

  stop() {
    if (this.isOver) return;
    this.#abort.abort();
    if (this.#url) command("DELETE", this.#url);
    this.#end("stopped");
  }

  #receive(update) {
    advance(update.progress, update.message);
    switch (update.status) {
      case "processing":
        show("working", this);
        break;
      case "done":
        this.result = update.result;
        this.#end("done");
        showResult(this);
        break;
      case "error":
        this.#fail(new RequestError(0, update.message));
    }
  }

  #fail(problem) {
    message.textContent = problem.message;
    this.#end("error");
    if (problem.status === 401) askForKey(begin, text);
  }

  #end(name) {
    this.isOver = true;
    this.#stream?.close();
    show(name, this);
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

// showResult shows the result as plain text, then formatted.
async function showResult(run) {
  result.textContent = announcements.textContent = run.result;
  result.className = "text plain";
  outcome.hidden = false;
  const formatted = await format(run.result);
  if (!formatted || run !== current) return;
  result.className = "text formatted";
  result.replaceChildren(formatted);
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

// One question and its answer.

import { AnswerView } from "./answer.js";
import { chat, resume } from "./client/index.js";
import { icon, make } from "./dom.js";
import { say } from "./i18n.js";
import { explain } from "./problem.js";

const over = new Set(["done", "stopped", "failed"]);

// Turn shows a question and its answer in element, and follows the answer. It calls
// on.state(name) when the state changes, on.changed(isOver) when there is more to store,
// on.ask(text) for a suggestion, on.edit() and on.again() for the reader's commands, and
// on.keyWanted(isRefused).
export class Turn {
  answer = null; // of the client, if it was followed here
  #record; #place; #on; #view;
  #isLeft = false;

  // record is {question}, or a value of an earlier record(). place is {follower, region}.
  constructor(record, place, on) {
    this.#record = { text: "", reasoning: "", suggestions: [], status: "", problem: "", id: newID(), ...record };
    [this.#place, this.#on] = [place, on];
    const bubble = make("div", { className: "text plain", dir: "auto", textContent: record.question });
    const edit = make("button", { type: "button", className: "quiet edit", title: say("edit") }, icon("edit"));
    edit.setAttribute("aria-label", say("edit"));
    edit.addEventListener("click", () => on.edit());
    const asked = make("article", { className: "question" }, edit, bubble);
    asked.setAttribute("aria-label", say("you"));
    showMore(bubble);
    this.element = make("section", { className: "turn" }, asked);
    this.#addView();
  }

  get question() {
    return this.#record.question;
  }

  get text() {
    return this.answer?.text ?? this.#record.text;
  }

  get isStateless() {
    return this.answer?.stateless ?? this.#record.stateless;
  }

  get isBusy() {
    return Boolean(this.answer && !this.answer.isOver && !this.#isLeft);
  }

  // record returns a value from which the turn can be made again.
  record() {
    if (!this.answer) return this.#record;
    const { text, reasoning, status, isOver, stateless } = this.answer;
    return { ...this.#record, text, reasoning, status, stateless, snapshot: isOver ? null : this.answer.snapshot() };
  }

  // begin asks the question, with options of the client. The id makes it safe to repeat.
  begin(options) {
    this.#follow(chat(this.#asked(options)));
  }

  #asked(options) {
    const { id, question } = this.#record;
    return { ...options, id, remember: id, message: question };
  }

  // restore shows a stored answer, and goes on with one that was not over.
  restore(options) {
    const { status, text, reasoning, suggestions, problem, snapshot } = this.#record;
    if (!over.has(status)) {
      const asked = this.#asked(options);
      const answer = resume(asked) ?? (snapshot?.url && resume(asked, snapshot));
      this.#follow(answer || chat(asked));
      return;
    }
    if (reasoning) this.#view.think(reasoning);
    if (text) this.#view.write(text, true);
    for (const suggestion of suggestions) this.#view.suggest(suggestion, this.#on.ask);
    this.#view.end(problem);
  }

  // again continues the answer if only the connection failed, and otherwise asks again.
  again(options) {
    const { error } = this.answer ?? {};
    this.#view.element.remove();
    this.#addView();
    if (error?.code === "unreachable" || error?.code === "busy") {
      this.#follow(this.answer.retry());
      return;
    }
    this.#record = { ...this.#record, id: newID() };
    this.begin(options);
  }

  // leave disconnects from a running answer, which stays at the server.
  leave() {
    this.#isLeft = true;
    this.answer?.disconnect();
  }

  hideSuggestions(heir) {
    this.#view.hideSuggestions(heir);
  }

  #addView() {
    this.#view = new AnswerView(this.#place.follower, this.#place.region, () => this.#on.again());
    this.element.append(this.#view.element);
  }

  async #follow(answer) {
    const view = this.#view;
    let restored = answer.text; // which the reader knows
    this.answer = answer;
    this.#record = { ...this.#record, suggestions: [], problem: "" };
    this.#on.state(answer.status);
    this.#on.changed(true);
    try {
      for await (const event of answer.events()) {
        this.#display(event, restored);
        if (event.type === "text") restored = "";
      }
      if (!this.#isLeft) await view.end();
    } catch (problem) {
      this.#record.problem = explain(problem);
      await view.end(this.#record.problem);
      if (problem.code === "key" || problem.code === "refused") this.#on.keyWanted(problem.code === "refused");
    }
    if (this.#isLeft || this.answer !== answer) return;
    this.#on.changed(true);
    this.#on.state(answer.status);
  }

  #display({ type, text, status }, restored) {
    switch (type) {
      case "text":
        if (restored) this.#view.write(restored, true);
        this.#view.write(text.slice(restored.length));
        break;
      case "reasoning":
        this.#view.think(text);
        break;
      case "message":
        this.#view.complete();
        break;
      case "suggestion":
        this.#record.suggestions.push(text);
        this.#view.suggest(text, this.#on.ask);
        break;
      case "status":
        if (!over.has(status)) this.#on.state(status); // the end is shown with the last text
    }
    this.#on.changed(false);
  }
}

function newID() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

// showMore marks an element that can be scrolled down, and lets the keyboard reach it.
function showMore(element) {
  const mark = () => {
    const { scrollHeight, scrollTop, clientHeight } = element;
    element.classList.toggle("more", scrollHeight - scrollTop - clientHeight > 2);
    if (scrollHeight > clientHeight + 2) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  };
  new ResizeObserver(mark).observe(element);
  element.addEventListener("scroll", mark, { passive: true });
}

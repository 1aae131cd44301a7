// An answer in the page: reasoning, messages, tools and suggestions.

import { copy } from "./copy.js";
import { hide, icon, make } from "./dom.js";
import { say } from "./i18n.js";
import { LiveMarkdown } from "./markdown/live.js";
import { Announcer } from "./announcer.js";
import { Typist } from "./typist.js";

export class AnswerView {
  #follower; #announcer; #again;
  #message = null; // the message being typed
  #messages = [];
  #thoughts = null;
  #drawn = null; // resolves once the last message is drawn

  // again is called when the reader wants the answer again.
  constructor(follower, region, again) {
    [this.#follower, this.#again] = [follower, again];
    this.#announcer = new Announcer(region);
    this.body = make("div", { className: "messages" });
    this.tools = make("div", { className: "tools", hidden: true });
    this.element = make("article", { className: "answer" }, this.body, this.tools);
    this.element.setAttribute("aria-label", say("answer"));
  }

  // text is the whole answer in Markdown.
  get text() {
    return this.#messages.map(m => m.text).join("\n\n");
  }

  think(text) {
    this.#thoughts ??= this.#addThoughts();
    this.#thoughts.typist.write(text);
  }

  // write appends text. Text that was announced before is silent.
  write(text, isSilent) {
    this.#endThoughts();
    this.#message ??= this.#addMessage();
    this.#message.write(text);
    if (!isSilent) this.#announcer.add(text);
  }

  // complete ends a message.
  complete() {
    this.#endThoughts();
    const message = this.#message;
    this.#message = null;
    this.#announcer.end();
    if (message) this.#drawn = message.end();
  }

  // end finishes the answer once all is drawn, with an optional error message below.
  async end(problem) {
    this.complete();
    await this.#drawn;
    if (problem) this.body.append(this.#problemBox(problem));
    this.#addTools(problem);
    this.#follower.follow();
  }

  #addMessage() {
    const place = make("div", { className: "text formatted" });
    this.body.append(place);
    const message = new LiveMarkdown(place, () => this.#follower.follow());
    this.#messages.push(message);
    return message;
  }

  #addThoughts() {
    const place = make("div", { className: "text plain" });
    const title = make("span", { textContent: say("thinkingNow") });
    const fold = make("details", { className: "thoughts thinking" }, make("summary", {}, icon("fold"), title), place);
    this.body.append(fold);
    return { fold, title, typist: new Typist(place, () => this.#follower.follow()) };
  }

  #endThoughts() {
    if (!this.#thoughts) return;
    this.#thoughts.typist.flush();
    this.#thoughts.title.textContent = say("thought");
    this.#thoughts.fold.classList.remove("thinking");
    this.#thoughts = null;
  }

  #problemBox(problem) {
    const box = make("div", { className: "problem" }, make("p", { textContent: problem }), this.#button("again", "tryAgain", () => this.#again()));
    box.setAttribute("role", "alert");
    return box;
  }

  #addTools(problem) {
    if (this.text) this.tools.append(this.#button("copy", "copy", button => copy(button, this.text, this.body)));
    if (!problem) this.tools.append(this.#button("again", "regenerate", () => this.#again()));
    this.tools.hidden = false;
  }

  #button(image, name, click) {
    const button = make("button", { type: "button", className: `quiet ${image}` }, icon(image), make("span", { textContent: say(name) }));
    button.addEventListener("click", () => click(button));
    return button;
  }

  // suggest shows a follow-up question. A click calls ask(question).
  suggest(question, ask) {
    if (!this.suggestions) {
      this.suggestions = make("div", { className: "suggestions" });
      this.suggestions.setAttribute("role", "group");
      this.suggestions.setAttribute("aria-label", say("suggestions"));
      this.element.append(this.suggestions);
    }
    const button = make("button", { type: "button", textContent: question });
    button.addEventListener("click", () => ask(question));
    this.suggestions.append(button);
    this.#follower.follow();
  }

  // hideSuggestions hides the suggestions when the conversation continues.
  hideSuggestions(heir) {
    if (this.suggestions) hide(this.suggestions, heir);
  }
}

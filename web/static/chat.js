// The chat page: controls and conversation.

import { AnswerView } from "./answer.js";
import { chat } from "./client/index.js";
import { byId, hide, make } from "./dom.js";
import { say, translate } from "./i18n.js";
import { apiKey, askForKey } from "./key.js";
import { explain } from "./problem.js";
import { Follower } from "./scroll.js";
import { Tempo } from "./tempo.js";

translate();

const [question, send, skip, state] = ["question", "send", "skip", "state"].map(byId);
const [log, announcements, scroller, welcome] = ["log", "announcements", "scroller", "welcome"].map(byId);
const over = new Set(["done", "stopped", "failed"]); // the end of an answer is shown with its text
const follower = new Follower(scroller, byId("latest"));
const tempo = new Tempo(value => turn?.answer.tempo(value));

let conversation = ""; // id, once known
let turns = []; // of the conversation: each a question and its answer
let turn = null; // the last of them
let skipped = null; // the answer that was skipped last

// ask sends a question, unless an answer is still being typed.
function ask(text) {
  if (isBusy()) return;
  turn?.view.hideSuggestions(scroller);
  hide(welcome, scroller);
  announcements.replaceChildren();
  const asked = make("article", { className: "question" }, make("div", { className: "text plain", textContent: text }));
  asked.setAttribute("aria-label", say("you"));
  const view = new AnswerView(follower, announcements);
  const entry = make("section", { className: "turn" }, asked, view.element);
  log.append(entry);
  follower.toEnd();
  const answer = chat({ message: text, history: history(), conversation, key: apiKey(), tempo: { ...tempo.value, markdown: "on" } });
  turn = { question: text, answer, view, entry };
  turns.push(turn);
  follow(turn);
}

// follow shows an answer while it arrives.
async function follow(shown) {
  const { answer, view } = shown;
  show(answer.status);
  try {
    for await (const event of answer.events()) {
      if (turn !== shown) return;
      display(shown, event);
    }
    if (turn !== shown) return;
    await view.end();
    if (turn === shown) show(answer.status);
  } catch (problem) {
    if (turn !== shown) return;
    await view.end(explain(problem));
    if (turn !== shown) return;
    show(answer.status);
    if (problem.code === "key" || problem.code === "refused") askForKey(() => askAgain(shown), question, problem.code === "refused");
  }
}

function display({ view }, { type, text, status, conversation: id }) {
  switch (type) {
    case "text":
      view.write(text);
      break;
    case "reasoning":
      view.think(text);
      break;
    case "message":
      view.complete();
      break;
    case "suggestion":
      view.suggest(text, ask);
      break;
    case "conversation":
      conversation = id;
      break;
    case "status":
      if (!over.has(status)) show(status);
  }
}

// askAgain replaces the last turn by a new one with the same question.
function askAgain({ question: text, entry }) {
  turns.pop();
  entry.remove();
  ask(text);
}

function isBusy() {
  return Boolean(turn && !turn.answer.isOver);
}

// history returns the messages of the conversation so far, without unanswered questions,
// for a service that keeps no conversations.
function history() {
  if (!turn?.answer.stateless) return [];
  return turns.filter(t => t.answer.text).flatMap(t => [
    { role: "user", content: t.question },
    { role: "assistant", content: t.answer.text },
  ]);
}

// show displays the state and the matching controls.
function show(name) {
  state.textContent = say(name);
  state.dataset.state = name;
  const busy = isBusy();
  send.setAttribute("aria-label", say(busy ? "stop" : "send"));
  send.title = send.getAttribute("aria-label");
  send.firstElementChild.className = busy ? "icon stop" : "icon send";
  if (!busy) hide(skip, question);
  else if (name === "typing" || name === "thinking") skip.hidden = skipped === turn;
}

function newChat() {
  const old = turn;
  [turn, conversation, turns] = [null, "", []];
  old?.answer.stop();
  log.replaceChildren();
  announcements.replaceChildren();
  welcome.hidden = false;
  follower.toEnd();
  show("ready");
  question.focus();
}

function submit() {
  const text = question.value.trim();
  if (!text || isBusy()) return;
  question.value = "";
  ask(text);
}

byId("ask").addEventListener("submit", e => {
  e.preventDefault();
  if (isBusy()) turn.answer.stop();
  else submit();
});

question.addEventListener("keydown", e => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  submit();
});

document.addEventListener("keydown", e => {
  if (e.key === "Escape" && !e.isComposing) turn?.answer.stop();
});

skip.addEventListener("click", () => {
  skipped = turn;
  turn.answer.skip();
  hide(skip, question);
});

byId("new").addEventListener("click", newChat);

for (const name of ["example1", "example2", "example3"]) {
  const button = make("button", { type: "button", textContent: say(name) });
  button.addEventListener("click", () => ask(button.textContent));
  byId("examples").append(button);
}

show("ready");
question.focus();

// The chat page: controls and conversation.

import { Answer } from "./answer.js";
import { byId, hide, make } from "./dom.js";
import { say, translate } from "./i18n.js";
import { askForKey } from "./key.js";
import { Follower } from "./scroll.js";
import { Tempo } from "./tempo.js";
import { Turn } from "./turn.js";

translate();

const [question, send, skip, state] = ["question", "send", "skip", "state"].map(byId);
const [log, announcements, scroller, welcome] = ["log", "announcements", "scroller", "welcome"].map(byId);
const follower = new Follower(scroller, byId("latest"));
const tempo = new Tempo(value => turn?.setTempo(value));

let conversation = ""; // id, once known
let stateless = false; // the AI service keeps no conversations
let turns = []; // of the conversation: each a question and an answer
let turn = null;
let answer = null;

// ask sends a question, unless an answer is still being typed.
function ask(text) {
  if (turn && !turn.isOver) return;
  answer?.hideSuggestions(scroller);
  hide(welcome, scroller);
  announcements.replaceChildren();
  const asked = make("article", { className: "question" }, make("div", { className: "text plain", textContent: text }));
  asked.setAttribute("aria-label", say("you"));
  const mine = answer = new Answer(follower, announcements);
  const entry = make("section", { className: "turn" }, asked, mine.element);
  log.append(entry);
  follower.toEnd();
  turn = new Turn(mine, {
    state: name => { if (answer === mine) show(name); },
    conversation: id => { if (answer === mine) conversation = id; },
    stateless: () => { stateless = true; },
    suggestion: offered => mine.suggest(offered, ask),
    keyWanted: () => askForKey(() => {
      entry.remove();
      ask(text);
    }, question),
  });
  turn.ask(text, { id: conversation, history: stateless ? history() : [] }, tempo.value);
  turns.push({ question: text, answer: mine });
}

// history returns the messages of the conversation so far, without unanswered questions.
function history() {
  return turns.filter(t => t.answer.text).flatMap(t => [
    { role: "user", content: t.question },
    { role: "assistant", content: t.answer.text },
  ]);
}

// show displays the state and the matching controls.
function show(name) {
  state.textContent = say(name);
  state.dataset.state = name;
  const busy = turn && !turn.isOver;
  send.setAttribute("aria-label", say(busy ? "stop" : "send"));
  send.title = send.getAttribute("aria-label");
  send.firstElementChild.className = busy ? "icon stop" : "icon send";
  if (!busy) hide(skip, question);
  else if (name === "typing" || name === "thinking") skip.hidden = skipped === turn;
}

let skipped = null; // the turn that was skipped last

function newChat() {
  const old = turn;
  [turn, answer, conversation, turns] = [null, null, "", []];
  old?.stop();
  log.replaceChildren();
  announcements.replaceChildren();
  welcome.hidden = false;
  follower.toEnd();
  show("ready");
  question.focus();
}

function submit() {
  const text = question.value.trim();
  if (!text || turn && !turn.isOver) return;
  question.value = "";
  ask(text);
}

byId("ask").addEventListener("submit", e => {
  e.preventDefault();
  if (turn && !turn.isOver) turn.stop();
  else submit();
});

question.addEventListener("keydown", e => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  submit();
});

document.addEventListener("keydown", e => {
  if (e.key === "Escape" && !e.isComposing) turn?.stop();
});

skip.addEventListener("click", () => {
  skipped = turn;
  turn.skip();
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

// The chat page: controls and conversation.

import { Chats } from "./chats.js";
import { Composer } from "./composer.js";
import { byId, hide, make } from "./dom.js";
import { HistoryPanel } from "./history.js";
import { say, translate } from "./i18n.js";
import { apiKey, askForKey } from "./key.js";
import { Follower } from "./scroll.js";
import { Tempo } from "./tempo.js";
import { Turn } from "./turn.js";

translate();

const [question, send, skip, state] = ["question", "send", "skip", "state"].map(byId);
const [log, announcements, scroller, welcome, undo] = ["log", "announcements", "scroller", "welcome", "undo"].map(byId);
const follower = new Follower(scroller, byId("latest"));
const tempo = new Tempo(value => current()?.answer?.tempo(value));
const chats = new Chats(changedElsewhere);
const panel = new HistoryPanel(chats, { open: go, renamed: refresh, deleted });
const composer = new Composer({ send: submit, cancel, asked: () => turns.map(t => t.question) });

const saveInterval = 1000; // ms between two copies of a running answer

let chat = newChat(); // id, title, and the service's conversation
let turns = [];
let editing = null; // the turn whose question is edited
let skipped = null; // the answer that was skipped last
let saving = 0; // timer

function newChat() {
  return { id: Math.random().toString(36).slice(2, 10), title: "", conversation: "" };
}

function current() {
  return turns.at(-1);
}

function isBusy() {
  return Boolean(current()?.isBusy);
}

// ask sends a question, unless an answer is still being typed. A question that was edited
// replaces the old one and all that follows.
function ask(text) {
  if (isBusy()) return;
  current()?.hideSuggestions(scroller);
  if (editing) cut(editing);
  if (!chat.title) {
    chat.title = text.slice(0, 80);
    history.replaceState(null, "", `#${chat.id}`);
  }
  const options = { ...settings(), history: messages(), conversation: chat.conversation };
  const turn = addTurn({ question: text });
  follower.toEnd();
  turn.begin(options);
}

// settings returns the options of the client that hold for every answer.
function settings() {
  return { key: apiKey(), tempo: { ...tempo.value, markdown: "on" } };
}

// messages returns the conversation so far, without unanswered questions, for a service
// that keeps no conversations.
function messages() {
  if (!current()?.isStateless) return [];
  return turns.filter(t => t.text).flatMap(t => [{ role: "user", content: t.question }, { role: "assistant", content: t.text }]);
}

function addTurn(record) {
  hide(welcome, scroller);
  heading(chat.title);
  announcements.replaceChildren();
  const turn = new Turn(record, { follower, region: announcements }, {
    state: name => { if (turn === current()) show(name); },
    changed: isNews => { if (turn === current()) changed(turn, isNews); },
    ask,
    edit: () => edit(turn),
    again: () => again(turn),
    keyWanted: isRefused => askForKey(() => again(turn), question, isRefused),
  });
  turns.push(turn);
  log.append(turn.element);
  return turn;
}

// cut removes a turn and all that follow. Without a turn left, the service begins anew.
function cut(turn) {
  for (const removed of turns.splice(turns.indexOf(turn))) {
    removed.leave();
    removed.element.remove();
  }
  if (!turns.length) chat.conversation = "";
  editing = null;
  byId("editing").hidden = true;
}

// again repeats the last question.
function again(turn) {
  if (isBusy() || turn !== current()) return;
  announcements.replaceChildren();
  turns.pop();
  const options = { ...settings(), history: messages(), conversation: chat.conversation };
  turns.push(turn);
  turn.again(options);
  scroller.focus({ preventScroll: true }); // the button is gone
}

function edit(turn) {
  if (isBusy()) return;
  editing = turn;
  composer.set(turn.question);
  byId("editing").hidden = false;
  composer.focus();
}

function submit() {
  if (isBusy()) return;
  const text = composer.take();
  if (text) ask(text);
}

function cancel() {
  if (editing) {
    editing = null;
    hide(byId("editing"), question);
    composer.set("");
  } else if (isBusy()) {
    current().answer.stop();
  }
}

// changed stores the chat: at once if the news is a turn's begin or end.
function changed(turn, isNews) {
  chat.conversation = turn.answer.conversation || chat.conversation;
  if (isNews) save(true);
  else saving ||= setTimeout(() => save(false), saveInterval);
}

function save(isNews) {
  clearTimeout(saving);
  saving = 0;
  if (turns.length) chats.put({ ...chat, at: Date.now(), turns: turns.map(t => t.record()) }, isNews);
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
  else if (name === "typing" || name === "thinking") skip.hidden = skipped === current().answer;
}

// clear leaves the chat. A running answer stays at the server for a while.
function clear() {
  if (saving) save(false);
  current()?.leave();
  turns = [];
  cancel();
  log.replaceChildren();
  announcements.replaceChildren();
}

// heading shows the title of the chat to screen readers. A new chat has the welcome.
function heading(title) {
  byId("title").textContent = title;
  byId("title").hidden = !title;
}

// go shows a chat as a new place of the browser's history, and "" is a new chat.
function go(id) {
  composer.focus();
  if (id === (turns.length ? chat.id : "")) return;
  const left = turns.length ? chat : null;
  history.pushState(null, "", id ? `#${id}` : location.pathname);
  open();
  undo.hidden = Boolean(id) || !left;
}

// open shows the chat of the address.
async function open() {
  const id = location.hash.slice(1);
  clear();
  const stored = id ? await chats.get(id) : null;
  if (id !== location.hash.slice(1)) return; // the reader went on
  chat = stored ? { id, title: stored.title, conversation: stored.conversation } : newChat();
  undo.hidden = true;
  welcome.hidden = Boolean(stored);
  heading(chat.title);
  if (!stored) show("ready");
  for (const record of stored?.turns ?? []) {
    const options = { ...settings(), history: messages(), conversation: chat.conversation };
    const turn = addTurn(record);
    show(record.status || "connecting");
    turn.restore(options);
  }
  follower.toEnd();
  composer.focus();
}

// changedElsewhere shows what another tab has changed.
function changedElsewhere(id) {
  if (byId("history").open) panel.refresh();
  refresh(id);
}

// refresh shows the stored title and further turns of this chat.
async function refresh(id) {
  const stored = id === chat.id && await chats.get(id);
  if (!stored || id !== chat.id) return;
  chat.title = stored.title;
  heading(chat.title);
  if (!isBusy() && stored.turns.length !== turns.length) open();
}

function deleted(id) {
  if (!turns.length || id && id !== chat.id) return;
  current().answer?.stop();
  clearTimeout(saving);
  [saving, turns] = [0, []];
  history.replaceState(null, "", location.pathname);
  open();
}

byId("ask").addEventListener("submit", e => {
  e.preventDefault();
  if (isBusy()) current().answer.stop();
  else submit();
});

skip.addEventListener("click", () => {
  skipped = current().answer;
  skipped.skip();
  hide(skip, question);
});

byId("new").addEventListener("click", () => go(""));
byId("cancel-edit").addEventListener("click", cancel);
undo.addEventListener("click", () => history.back());
addEventListener("popstate", open);
addEventListener("pagehide", () => save(false));

tempo.measure(() => current()?.text.length ?? 0);

for (const name of ["example1", "example2", "example3"]) {
  const button = make("button", { type: "button", textContent: say(name) });
  button.addEventListener("click", () => ask(button.textContent));
  byId("examples").append(button);
}

open();

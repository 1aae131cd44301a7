// The panel with the chats of this browser.

import { byId, icon, make } from "./dom.js";
import { lang, say } from "./i18n.js";

const dates = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" });

// HistoryPanel lists the chats, and renames and deletes them. open(id) shows a chat,
// renamed(id) and deleted(id) are called for changed ones; "" means all.
export class HistoryPanel {
  #chats; #on;
  #dialog = byId("history");
  #list = byId("chats");
  #all = byId("delete-all");

  constructor(chats, on) {
    [this.#chats, this.#on] = [chats, on];
    byId("show-history").addEventListener("click", () => this.show());
    byId("close-history").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", e => { if (e.target === this.#dialog) this.#dialog.close(); });
    this.#all.addEventListener("click", () => this.#deleteAll());
  }

  async show() {
    await this.refresh();
    this.#dialog.showModal();
  }

  async refresh() {
    const chats = await this.#chats.list();
    this.#list.replaceChildren(...chats.map(chat => this.#item(chat)));
    byId("no-chats").hidden = chats.length > 0;
    this.#all.hidden = chats.length === 0;
    this.#ask(false);
  }

  #item(chat) {
    const link = make("a", { href: `#${chat.id}`, dir: "auto", textContent: chat.title });
    link.addEventListener("click", e => {
      e.preventDefault();
      this.#dialog.close();
      this.#on.open(chat.id);
    });
    const item = make("li", {}, link, make("time", { textContent: dates.format(chat.at) }));
    item.append(this.#button("edit", "rename", () => this.#rename(item, link, chat)), this.#button("delete", "delete", () => this.#delete(chat)));
    return item;
  }

  #button(image, name, click) {
    const button = make("button", { type: "button", className: "quiet", title: say(name) }, icon(image));
    button.setAttribute("aria-label", say(name));
    button.addEventListener("click", click);
    return button;
  }

  #rename(item, link, chat) {
    const field = make("input", { value: chat.title, maxLength: 200 });
    field.setAttribute("aria-label", say("rename"));
    const form = make("form", {}, field);
    const end = async () => {
      const title = field.value.trim();
      if (title && title !== chat.title) await this.#chats.put({ ...await this.#chats.get(chat.id), title }, true);
      this.#on.renamed(chat.id);
      await this.refresh();
    };
    form.addEventListener("submit", e => {
      e.preventDefault();
      field.blur();
    });
    field.addEventListener("blur", end);
    link.replaceWith(form);
    field.select();
  }

  async #delete({ id }) {
    await this.#chats.delete(id);
    await this.refresh();
    this.#on.deleted(id);
    byId("close-history").focus();
  }

  // deleteAll deletes all chats at the second click.
  async #deleteAll() {
    if (!this.#all.dataset.asked) {
      this.#ask(true);
      return;
    }
    await this.#chats.deleteAll();
    await this.refresh();
    this.#on.deleted("");
    byId("close-history").focus();
  }

  #ask(isAsked) {
    if (isAsked) this.#all.dataset.asked = "yes";
    else delete this.#all.dataset.asked;
    this.#all.textContent = say(isAsked ? "deleteAllSure" : "deleteAll");
  }
}

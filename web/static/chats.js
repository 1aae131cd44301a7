// The chats of this browser, in IndexedDB. The server keeps none.

const format = { name: "sse-typewriter chat", version: 1 };

const maxChats = 200; // the oldest ones beyond are deleted

// Chats stores chats by id. Without IndexedDB, in private windows for example, the chats
// last as long as the page. changed(id) is called after another tab has changed a chat.
export class Chats {
  #db = open();
  #memory = new Map();
  #channel = globalThis.BroadcastChannel ? new BroadcastChannel("typewriter.chats") : null;

  constructor(changed) {
    if (this.#channel) this.#channel.onmessage = e => changed(e.data);
  }

  async get(id) {
    const chat = await this.#run("readonly", store => store.get(id)) ?? this.#memory.get(id);
    return chat?.format?.version === format.version ? chat : null;
  }

  // list returns all chats, the newest first.
  async list() {
    const stored = await this.#run("readonly", store => store.getAll()) ?? [...this.#memory.values()];
    return stored.filter(chat => chat.format?.version === format.version).sort((a, b) => b.at - a.at);
  }

  // put stores a chat. A chat with news is announced to other tabs.
  async put(chat, isNews) {
    const stored = { ...chat, format, at: chat.at ?? Date.now() };
    this.#memory.set(chat.id, stored);
    await this.#run("readwrite", store => store.put(stored));
    if (!isNews) return;
    this.#channel?.postMessage(chat.id);
    for (const { id } of (await this.list()).slice(maxChats)) await this.delete(id);
  }

  async delete(id) {
    this.#memory.delete(id);
    await this.#run("readwrite", store => store.delete(id));
    this.#channel?.postMessage(id);
  }

  async deleteAll() {
    this.#memory.clear();
    await this.#run("readwrite", store => store.clear());
    this.#channel?.postMessage("");
  }

  // run returns the result of a request to the database, or undefined without one.
  async #run(mode, request) {
    const db = await this.#db;
    if (!db) return undefined;
    try {
      return await settle(request(db.transaction("chats", mode).objectStore("chats")));
    } catch {
      return undefined; // the memory has the chats of this page
    }
  }
}

// open returns the database, or null without one.
async function open() {
  try {
    const request = indexedDB.open("typewriter", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("chats", { keyPath: "id" });
    return await settle(request);
  } catch {
    return null;
  }
}

function settle(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}

// Storage of the browser that may be blocked, full or damaged. The page then works without
// what it would remember, for as long as it is open.

class Storage {
  #name; #values = new Map();

  constructor(name) {
    this.#name = name;
  }

  // read returns the stored value, or null.
  read(key) {
    if (this.#values.has(key)) return this.#values.get(key);
    try {
      return JSON.parse(globalThis[this.#name].getItem(key));
    } catch {
      return null;
    }
  }

  write(key, value) {
    this.#values.set(key, value);
    try {
      globalThis[this.#name].setItem(key, JSON.stringify(value));
    } catch {
      // the value in memory is all there is
    }
  }
}

// tabStorage lasts as long as the tab, and siteStorage for all visits.
export const tabStorage = new Storage("sessionStorage");
export const siteStorage = new Storage("localStorage");

// Copying a text, with a word that it has been done.

import { say } from "./i18n.js";

const shown = 2000; // ms

// copy puts a text on the clipboard. Where a page may not, since it did not come over
// a safe connection, it selects what shows the text.
export async function copy(button, text, shows) {
  const label = button.lastElementChild;
  try {
    await navigator.clipboard.writeText(text);
    label.textContent = say("copied");
  } catch {
    getSelection().selectAllChildren(shows);
    label.textContent = say("selected");
  }
  setTimeout(() => { label.textContent = say("copy"); }, shown);
}

// Copying text to the clipboard, with feedback in the button.

import { say } from "./i18n.js";

const shown = 2000; // ms

// copy writes text to the clipboard. Without clipboard access, on insecure connections, it
// selects the element that shows the text.
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

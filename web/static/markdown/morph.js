// Changing an element into another one with as little change as possible: text is appended,
// unchanged nodes stay, and with them the reader's selection.

// wholes maps elements to their source whose content is not that of the document's tree:
// they stay as long as their source does. update, if any, changes an element to a source.
const wholes = new WeakMap();

// whole makes an element a whole, and returns it.
export function whole(element, source, update) {
  wholes.set(element, { source, update });
  return element;
}

// morph changes the children of old from a child on into those of fresh.
export function morph(old, fresh, from = old.firstChild) {
  let have = from;
  for (const want of [...fresh.childNodes]) {
    if (!have) {
      old.append(want);
    } else if (isSame(have, want)) {
      adopt(have, want);
      have = have.nextSibling;
    } else {
      const next = have.nextSibling;
      have.replaceWith(want);
      have = next;
    }
  }
  while (have) {
    const next = have.nextSibling;
    have.remove();
    have = next;
  }
}

function isSame(have, want) {
  if (have.nodeName !== want.nodeName) return false;
  const [before, after] = [wholes.get(have), wholes.get(want)];
  return !before && !after || Boolean(before && after && (before.source === after.source || before.update));
}

// adopt changes have, which isSame as want.
function adopt(have, want) {
  if (have.nodeType === Node.TEXT_NODE) {
    if (want.data.startsWith(have.data)) have.appendData(want.data.slice(have.length));
    else have.data = want.data;
    return;
  }
  const [before, after] = [wholes.get(have), wholes.get(want)];
  if (before) {
    if (before.source === after.source) return;
    before.source = after.source;
    before.update(want);
    return;
  }
  for (const { name } of [...have.attributes]) if (!want.hasAttribute(name)) have.removeAttribute(name);
  for (const { name, value } of want.attributes) if (have.getAttribute(name) !== value) have.setAttribute(name, value);
  morph(have, want);
}

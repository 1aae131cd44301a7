// DOM helpers. Elements are created one by one, never from HTML strings.

// byId returns an element of the page.
export function byId(id) {
  return document.getElementById(id);
}

// make returns a new element with properties and children.
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// icon returns an element with an icon of the directory icons.
export function icon(name) {
  return make("span", { className: `icon ${name}` });
}

// hide hides an element and moves its focus, if any, to heir.
export function hide(element, heir) {
  const focused = element.contains(document.activeElement);
  element.hidden = true;
  if (focused) heir.focus({ preventScroll: true });
}

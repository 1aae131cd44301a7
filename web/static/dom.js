// Elements, made one by one: no string ever becomes HTML.

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

// icon returns one of the pictures of the folder icons.
export function icon(name) {
  return make("span", { className: `icon ${name}` });
}

// hide takes an element away. If it has the focus, that goes to another.
export function hide(element, heir) {
  const focused = element.contains(document.activeElement);
  element.hidden = true;
  if (focused) heir.focus({ preventScroll: true });
}

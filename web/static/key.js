// The form for an API key, shown when the server requires one.

import { setAPIKey } from "./api.js";
import { byId, hide } from "./dom.js";

// askForKey shows the form, and calls again() after a key is entered.
export function askForKey(again, heir) {
  const [form, field] = [byId("key"), byId("key-value")];
  form.hidden = false;
  field.focus();
  form.onsubmit = e => {
    e.preventDefault();
    setAPIKey(field.value.trim());
    field.value = "";
    hide(form, heir);
    again();
  };
}

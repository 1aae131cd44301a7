// The field for an API key, which is there only when the server has asked for one.

import { setAPIKey } from "./api.js";
import { byId, hide } from "./dom.js";

// askForKey shows the field, and calls again() once the reader has given a key.
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

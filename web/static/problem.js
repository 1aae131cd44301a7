// Errors in the reader's words.

import { say } from "./i18n.js";

// own are the codes of ChatError whose text is the page's own, not the service's.
const own = { unreachable: "unreachable", gone: "gone", unexpected: "unexpected", tool: "toolWanted" };

// explain returns the text of a ChatError.
export function explain({ code, message, status, serviceCode }) {
  if (own[code]) return say(own[code]);
  if (code === "rejected" && message.startsWith("bot_id is missing")) return say("noBot");
  if (code === "busy" && !serviceCode) return say("busy");
  if (!serviceCode && status) return say("rejected", { status });
  return serviceCode ? `${message} (${serviceCode})` : message;
}

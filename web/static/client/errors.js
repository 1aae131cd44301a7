// Errors of a chat.

// ChatError is the reason why an answer ended early. Its code is one of:
//
//   unreachable  the server did not respond for a minute, or the start failed
//   gone         the server does not keep the stream any more
//   key          the server requires another API key
//   refused      the AI service refused the credential
//   limit        too many requests; retryAfter has the seconds to wait, if known
//   busy         the server or the service is overloaded or restarting
//   unexpected   the reply is no stream, for example a page of a captive portal
//   rejected     the server or the service rejected the request
//   failed       the service reported an error during the answer
//   tool         the service wants the result of a tool
//
// status is the HTTP status, and serviceCode the number in the body of the error.
export class ChatError extends Error {
  name = "ChatError";

  constructor(code, message, details) {
    super(message);
    Object.assign(this, { code, status: 0 }, details);
  }
}

// replyError returns the error for a reply that is not the expected one.
export async function replyError(response) {
  const { status, headers } = response;
  const isText = /json|text\/plain/.test(headers.get("Content-Type"));
  const { msg, code: serviceCode } = isText ? await response.json().catch(() => ({})) : {};
  const retryAfter = Number(headers.get("Retry-After")) || undefined;
  return new ChatError(codeOf(response, serviceCode, isText), msg || `unexpected reply with status ${status}`, { status, serviceCode, retryAfter });
}

function codeOf({ status, headers }, serviceCode, isText) {
  // Only the server itself names a scheme with each 401. A service has the same number.
  if (status === 401) return headers.get("WWW-Authenticate") || !serviceCode ? "key" : "refused";
  if (status === 204 || status === 410) return "gone";
  if (status === 429) return "limit";
  if (status >= 500) return "busy";
  return status < 300 && !isText ? "unexpected" : "rejected";
}

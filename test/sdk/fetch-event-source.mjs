// @microsoft/fetch-event-source: node fetch-event-source.mjs BASE [CASE...]
import { fetchEventSource } from '@microsoft/fetch-event-source';
import { ask, base, play } from './play.mjs';

// The package expects a browser.
globalThis.window = globalThis;
globalThis.document = { addEventListener() {}, removeEventListener() {} };

const chat = (message) => (print) =>
  fetchEventSource(`${base}/v3/chat`, {
    method: 'POST',
    headers: { authorization: 'Bearer pat_test', 'content-type': 'application/json' },
    body: JSON.stringify(ask(message, { stream: true })),
    openWhenHidden: true,
    onmessage({ event, data }) {
      // Each blank line, and so each heartbeat, becomes an empty message.
      if (data) print(event, JSON.parse(data));
    },
    onerror(e) {
      throw e; // or it sends the request again
    },
  });

play({
  content: chat('写一首诗'),
  reasoning: chat('/reasoning 写一首诗'),
  cut: chat('/cut 写一首诗'),
  'error-json': chat('/error-json'),
});

// EventSource, as browsers have it: node eventsource.mjs BASE [CASE...]
import { EventSource } from 'eventsource';
import { base, botID, play } from './play.mjs';

const names = ['conversation.chat.created', 'conversation.chat.in_progress', 'conversation.message.delta',
  'conversation.message.completed', 'conversation.chat.completed', 'done'];

// A page that does not close its EventSource: the server must end the reconnects.
const chat = (message) => (print) =>
  new Promise((resolve) => {
    const statuses = [];
    const ids = new Set();
    const query = new URLSearchParams({ message, bot_id: botID });
    const source = new EventSource(`${base}/v3/chat?${query}`, {
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        statuses.push(response.status);
        return response;
      },
    });
    let events = 0;
    for (const name of names) {
      source.addEventListener(name, ({ data, lastEventId }) => {
        events++;
        ids.add(lastEventId);
        print(name, JSON.parse(data));
      });
    }
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED) return;
      print('closed', { statuses, eachHasAnID: ids.size === events && !ids.has('') });
      resolve();
    });
  });

play({
  content: chat('写一首诗'),
  reasoning: chat('/reasoning 写一首诗'),
});

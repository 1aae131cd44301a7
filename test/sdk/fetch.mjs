// fetch and a parser, as clients of OpenAI's kind of API read a stream:
// node fetch.mjs BASE [CASE...]
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { ask, base, play } from './play.mjs';

const chat = (message, path = '/v3/chat', more = {}) => async (print) => {
  const response = await fetch(base + path, {
    method: 'POST',
    headers: { authorization: 'Bearer pat_test', 'content-type': 'application/json' },
    body: JSON.stringify(ask(message, { stream: true, ...more })),
  });
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { event, data } of events) print(event, JSON.parse(data));
};

play({
  content: chat('写一首诗'),
  reasoning: chat('/reasoning 写一首诗'),
  surrogates: chat('/surrogates 写一首诗'),
  comments: chat('/comments 写一首诗'),
  workflow: chat('写一首诗', '/v1/workflows/chat', { workflow_id: '7400000000000000001' }),
  cut: chat('/cut 写一首诗'),
});

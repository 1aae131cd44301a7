// Retries of the SDKs, with an idempotency key: node retries.mjs BASE
import { fetchEventSource } from '@microsoft/fetch-event-source';
import OpenAI from 'openai';
import { base, play } from './play.mjs';

// fetch-event-source expects a browser.
globalThis.window = globalThis;
globalThis.document = { addEventListener() {}, removeEventListener() {} };

const body = (model) => ({ model, stream: true, messages: [{ role: 'user', content: 'hi' }] });

play({
  async 'openai-node'(print) {
    const client = new OpenAI({ baseURL: base, apiKey: 'key', maxRetries: 2 });
    const stream = await client.chat.completions.create(body('openai-node'), { headers: { 'Idempotency-Key': 'openai-node' } });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
    print('text', text);
  },
  async 'fetch-event-source'(print) {
    let text = '';
    await fetchEventSource(`${base}/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: 'Bearer key',
        'content-type': 'application/json',
        'idempotency-key': 'fetch-event-source',
        'typewriter-event-ids': 'on',
      },
      body: JSON.stringify(body('fetch-event-source')),
      openWhenHidden: true,
      onmessage({ data }) {
        if (data && data !== '[DONE]') text += JSON.parse(data).choices[0]?.delta?.content ?? '';
      },
      onerror: () => 10, // retry after 10 ms
    });
    print('text', text);
  },
});

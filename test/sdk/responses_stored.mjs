// Stored responses with the SDK of OpenAI for Node: responses_stored.mjs STRAIGHT THROUGH
//
// The arguments are base URLs. The script prints results as openai.mjs does: the case is a
// request, and the event is "straight" or "through".
import OpenAI from 'openai';

const clients = Object.fromEntries(
  ['straight', 'through'].map((name, i) => [name, new OpenAI({ baseURL: process.argv[2 + i], apiKey: 'k', maxRetries: 0 })]),
);

// join joins the texts of a stream, and keeps the types of the other events.
async function join(stream) {
  const result = { texts: {}, types: [] };
  for await (const event of stream) {
    if (event.delta && event.type !== 'response.function_call_arguments.delta') result.texts[event.type] = (result.texts[event.type] ?? '') + event.delta;
    else result.types.push(event.type);
  }
  return result;
}

const cases = {
  again: (client, id) => client.responses.retrieve(id, { stream: true }).then(join),
  'the rest': (client, id) => client.responses.retrieve(id, { stream: true, starting_after: 9 }).then(join),
  helper: async (client, id) => {
    const stream = client.responses.stream({ response_id: id, starting_after: 9 });
    return { ...(await join(stream)), final: await stream.finalResponse() };
  },
  whole: async (client, id) => {
    const { _request_id, ...whole } = await client.responses.retrieve(id);
    return whole;
  },
  unknown: (client) => client.responses.retrieve('resp_0', { stream: true }).then(join),
  cut: (client) => client.responses.create({ model: 'cut-twice', input: 'hi', stream: true, background: true }).then(join),
  cancel: async (client) => {
    const { id } = await client.responses.create({ model: 'slow', input: 'hi', background: true });
    return { status: (await client.responses.cancel(id)).status };
  },
};

const { id } = await clients.straight.responses.create({ model: 'at-once', input: 'write a poem', background: true });
for (const [name, play] of Object.entries(cases)) {
  for (const [server, client] of Object.entries(clients)) {
    let data;
    try {
      data = await play(client, id);
    } catch (e) {
      data = { error: { message: e.message, status: e.status } };
    }
    console.log(JSON.stringify({ case: name, event: server, data }));
  }
}

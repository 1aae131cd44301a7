// SDKs of Dify for Node: dify.mjs JOBS
//
// The script reads the jobs and prints their results as openai.mjs does. The SDK hands out the
// bytes of a stream, which eventsource-parser reads.
import { ChatClient, CompletionClient } from 'dify-client';
import { createParser } from 'eventsource-parser';

// request sends the request of a job. The name of the stream is an input.
function request(job) {
  const inputs = { model: job.model };
  if (job.model.includes('workflow')) return new CompletionClient(job.key, job.base).runWorkflow(inputs, 'me', true);
  if (job.model.includes('completion')) return new CompletionClient(job.key, job.base).createCompletionMessage(inputs, 'me', true);
  return new ChatClient(job.key, job.base).createChatMessage(inputs, job.model, 'me', true);
}

// add adds an event: texts are joined, and other events are kept in their order.
function add(result, event) {
  const { answer, data, ...rest } = event;
  const text = { message: answer, agent_message: answer, text_chunk: data?.text, reasoning_chunk: data?.reasoning }[event.event];
  if (event.event === 'error') throw Object.assign(new Error(event.message), { code: event.code });
  if (text === undefined) {
    result.events.push(event);
    return;
  }
  const key = `${event.event} ${event.message_id} ${event.from_variable_selector ?? data?.from_variable_selector}`;
  const of = (result.texts[key] ??= { text: '', finals: 0 });
  of.text += text;
  of.finals += data?.is_final ? 1 : 0;
  of.last = rest;
}

async function play(job, result) {
  Object.assign(result, { texts: {}, events: [] });
  const { data: stream } = await request(job);
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data !== '') add(result, JSON.parse(data)); // a heartbeat has no data
    },
  });
  stream.setEncoding('utf8');
  for await (const part of stream) parser.feed(part);
}

async function run(job) {
  const result = {};
  try {
    await play(job, result);
  } catch (e) {
    result.error = { message: e.message, status: e.response?.status, type: e.code };
    if (e.response) {
      e.response.data.setEncoding('utf8');
      let body = '';
      for await (const part of e.response.data) body += part;
      const { message, code } = JSON.parse(body);
      Object.assign(result.error, { message, type: code });
    }
  }
  console.log(JSON.stringify({ case: job.case, event: 'dify-client', data: result }));
}

await Promise.all(JSON.parse(process.argv[2]).map(run));

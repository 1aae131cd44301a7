// SDKs of Anthropic's Messages API for Node: anthropic.mjs JOBS
//
// The script reads the jobs and prints their results as openai.mjs does.
import { createAnthropic } from '@ai-sdk/anthropic';
import Anthropic from '@anthropic-ai/sdk';
import { jsonSchema, streamText, tool } from 'ai';

globalThis.AI_SDK_LOG_WARNINGS = false;

const messages = [{ role: 'user', content: 'hi' }];

const client = (job) => new Anthropic({ baseURL: job.base, apiKey: job.key, maxRetries: job.retries });
const body = (job) => ({ model: job.model, max_tokens: 64, messages });

// raw joins the deltas of each block, and keeps the other events in their order.
async function raw(job, result) {
  result.blocks = {};
  result.events = [];
  for await (const event of await client(job).messages.create({ ...body(job), stream: true })) {
    if (event.type !== 'content_block_delta') {
      result.events.push(event);
      continue;
    }
    const { type, ...fields } = event.delta;
    const of = (result.blocks[`${event.index} ${type}`] ??= {});
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value === 'string') of[name] = (of[name] ?? '') + value;
      else of[name] = [...(of[name] ?? []), value];
    }
  }
}

async function helper(job, result) {
  const stream = client(job).messages.stream(body(job));
  for (const event of ['text', 'thinking', 'inputJson', 'signature']) {
    stream.on(event, (delta, snapshot) => {
      result[event] = (result[event] ?? '') + delta;
      result[`${event} so far`] = snapshot;
    });
  }
  stream.on('contentBlock', (block) => (result.blocks = [...(result.blocks ?? []), block]));
  stream.on('citation', (citation) => (result.citations = [...(result.citations ?? []), citation]));
  result.final = await stream.finalMessage();
}

async function ai(job, result) {
  const model = createAnthropic({ baseURL: `${job.base}/v1`, apiKey: job.key })(job.model);
  const tools = { weather: tool({ inputSchema: jsonSchema({ type: 'object', properties: {} }) }) };
  const stream = streamText({ model, messages, tools, maxRetries: job.retries, onError() {} });
  for await (const part of stream.fullStream) {
    if (part.id?.startsWith('aitxt-')) part.id = 'random';
    switch (part.type) {
      case 'text-delta':
      case 'reasoning-delta': {
        const of = `${part.type} ${part.id}`;
        result[of] = (result[of] ?? '') + part.text;
        break;
      }
      case 'text-end':
      case 'reasoning-end':
      case 'tool-call':
      case 'tool-error':
      case 'source': {
        const { error, sourceType, ...rest } = part;
        if (sourceType) delete rest.id; // it is random
        result.parts = [...(result.parts ?? []), rest];
        break;
      }
      case 'finish-step':
        result.finish = [part.finishReason, part.rawFinishReason, part.usage, part.providerMetadata];
        break;
      case 'error':
        throw part.error;
    }
  }
}

const clients = { '@anthropic-ai/sdk raw': raw, '@anthropic-ai/sdk helper': helper, '@ai-sdk/anthropic': ai };

// message returns the messages of an error and its causes.
function message(e) {
  const causes = [e?.message ?? JSON.stringify(e)];
  for (let cause = e?.cause ?? e?.lastError; cause; cause = cause.cause) causes.push(cause.message);
  return causes.join(': ');
}

async function run(job, name, play) {
  const result = {};
  try {
    await play(job, result);
  } catch (e) {
    const status = e.status ?? e.statusCode ?? e.lastError?.statusCode;
    result.error = { message: message(e), status, type: e.type ?? e.error?.error?.type };
  }
  console.log(JSON.stringify({ case: job.case, event: name, data: result }));
}

const jobs = JSON.parse(process.argv[2]);
await Promise.all(jobs.flatMap((job) => Object.entries(clients).map(([name, play]) => run(job, name, play))));

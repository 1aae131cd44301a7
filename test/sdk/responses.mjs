// SDKs of OpenAI's Responses API for Node: responses.mjs JOBS
//
// The script reads the jobs and prints their results as openai.mjs does.
import { createOpenAI } from '@ai-sdk/openai';
import { jsonSchema, streamText, tool } from 'ai';
import OpenAI from 'openai';

globalThis.AI_SDK_LOG_WARNINGS = false;

const client = (job) => new OpenAI({ baseURL: job.base, apiKey: job.key, maxRetries: job.retries });
const body = (job) => ({ model: job.model, input: 'hi' });

const typed = new Set(['output_text', 'refusal', 'reasoning_text', 'reasoning_summary_text'].map((t) => `response.${t}.delta`));

// add joins the deltas of each part, and keeps the other events in their order.
function add(result, event) {
  if (!typed.has(event.type)) {
    result.events.push(event);
    return;
  }
  const { type, item_id, output_index, content_index, summary_index, delta, logprobs, snapshot, obfuscation, ...rest } = event;
  const of = (result.parts[[type, item_id, output_index, content_index, summary_index].join(' ')] ??= { text: '', logprobs: [] });
  of.text += delta;
  of.logprobs.push(...(logprobs ?? []));
  Object.assign(of, rest);
  if (snapshot !== undefined) of.snapshot = snapshot;
}

async function raw(job, result) {
  Object.assign(result, { parts: {}, events: [] });
  for await (const event of await client(job).responses.create({ ...body(job), stream: true })) add(result, event);
}

async function helper(job, result) {
  Object.assign(result, { parts: {}, events: [] });
  const stream = client(job).responses.stream(body(job));
  for await (const event of stream) add(result, event);
  result.final = await stream.finalResponse();
}

async function ai(job, result) {
  const model = createOpenAI({ baseURL: job.base, apiKey: job.key }).responses(job.model);
  const tools = { weather: tool({ inputSchema: jsonSchema({ type: 'object', properties: {} }) }) };
  const stream = streamText({ model, prompt: 'hi', tools, maxRetries: job.retries, onError() {} });
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
      case 'tool-result':
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

const clients = { 'openai-node raw': raw, 'openai-node helper': helper, '@ai-sdk/openai': ai };

// message returns the messages of an error and its causes.
function message(e) {
  const causes = [e?.message ?? e?.error?.message ?? JSON.stringify(e)];
  for (let cause = e?.cause ?? e?.lastError; cause; cause = cause.cause) causes.push(cause.message);
  return causes.join(': ');
}

async function run(job, name, play) {
  const result = {};
  try {
    await play(job, result);
  } catch (e) {
    result.error = { message: message(e), status: e.status ?? e.statusCode ?? e.lastError?.statusCode };
  }
  console.log(JSON.stringify({ case: job.case, event: name, data: result }));
}

const jobs = JSON.parse(process.argv[2]);
await Promise.all(jobs.flatMap((job) => Object.entries(clients).map(([name, play]) => run(job, name, play))));

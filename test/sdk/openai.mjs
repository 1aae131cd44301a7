// SDKs of OpenAI's Chat Completions for Node: openai.mjs JOBS
//
// JOBS is a list in JSON of {"case", "base", "model", "key", "legacy", "retries"}. The
// script prints the result of each job from each SDK as one line of JSON:
// {"case", "event", "data"}. The event is the name of the SDK; the data has a field
// "error" if the SDK reports one.
import { createDeepSeek } from '@ai-sdk/deepseek';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { jsonSchema, streamText, tool } from 'ai';
import OpenAI from 'openai';

globalThis.AI_SDK_LOG_WARNINGS = false;

const messages = [{ role: 'user', content: 'hi' }];
const parameters = { type: 'object', properties: {} };

const client = (job) => new OpenAI({ baseURL: job.base, apiKey: job.key, maxRetries: job.retries });
const body = (job) => ({ model: job.model, messages, stream_options: { include_usage: true } });

// add adds a delta to the sum of those before: it concatenates texts and lists.
function add(sum, delta) {
  for (const [name, value] of Object.entries(delta ?? {})) {
    if (value === null || value === '' || name === 'index') continue;
    if (name === 'tool_calls') {
      sum.tools ??= {};
      for (const call of value) add((sum.tools[call.index] ??= {}), call);
    } else if (typeof value === 'string') sum[name] = (sum[name] ?? '') + value;
    else if (Array.isArray(value)) sum[name] = [...(sum[name] ?? []), ...value];
    else if (typeof value === 'object') add((sum[name] ??= {}), value);
    else sum[name] = value;
  }
  return sum;
}

// sum adds up the chunks of a stream. Texts of reasoning_details are joined.
async function sum(result, stream) {
  result.choices = {};
  for await (const chunk of await stream) {
    for (const choice of chunk.choices ?? []) {
      const { delta, index, content_filter_results, ...rest } = choice;
      const of = (result.choices[index] ??= {});
      add(of, rest);
      const { reasoning_details: details, role, ...others } = delta ?? {};
      if (role) of.role = role;
      add(of, others);
      for (const { text, type, ...detail } of details ?? []) add(of, { [type]: { text } }), add(of, { details: [detail] });
    }
    const { id, model, usage, citations, prompt_filter_results } = chunk;
    if (id) Object.assign(result, { id, model });
    if (usage) result.usages = [...(result.usages ?? []), usage];
    if (citations) result.citations = citations;
    if (prompt_filter_results) result.filtered = prompt_filter_results;
  }
  for (const choice of Object.values(result.choices)) delete choice.details; // a list as long as the pieces are many
}

async function raw(job, result) {
  await sum(result, client(job).chat.completions.create({ ...body(job), stream: true }));
}

async function legacy(job, result) {
  await sum(result, client(job).completions.create({ model: job.model, prompt: 'hi', stream: true }));
}

async function helper(job, result) {
  const stream = client(job).chat.completions.stream(body(job));
  for (const event of ['content', 'content.done', 'refusal.done', 'tool_calls.function.arguments.done']) {
    stream.on(event, (data) => {
      const text = event === 'content' ? data : JSON.stringify(data);
      result[event] = (result[event] ?? '') + text;
    });
  }
  result.final = await stream.finalChatCompletion();
}

const ai = (provider) => async (job, result) => {
  const model = provider({ baseURL: job.base, apiKey: job.key, name: 'compatible', includeUsage: true });
  const tools = { weather: tool({ inputSchema: jsonSchema(parameters) }) };
  const stream = streamText({ model: model(job.model), messages, tools, maxRetries: job.retries, onError() {} });
  for await (const part of stream.fullStream) {
    switch (part.type) {
      case 'text-delta':
      case 'reasoning-delta':
        result[part.type] = (result[part.type] ?? '') + part.text;
        break;
      case 'tool-call':
        result.tools = [...(result.tools ?? []), { id: part.toolCallId, name: part.toolName, input: part.input }];
        break;
      case 'source': {
        const { id, ...source } = part; // the id is random
        result.sources = [...(result.sources ?? []), source];
        break;
      }
      case 'finish-step':
        result.finish = [part.finishReason, part.rawFinishReason, part.usage, part.providerMetadata];
        break;
      case 'error':
        throw part.error;
    }
  }
};

async function langchain(job, result) {
  const model = new ChatOpenAI({
    model: job.model,
    apiKey: job.key,
    maxRetries: job.retries,
    streamUsage: true,
    configuration: { baseURL: job.base },
  });
  let final;
  for await (const chunk of await model.stream(messages)) {
    final = final ? final.concat(chunk) : chunk;
    result.text = (result.text ?? '') + (typeof chunk.content === 'string' ? chunk.content : JSON.stringify(chunk.content));
  }
  const { content, additional_kwargs, tool_calls, invalid_tool_calls, usage_metadata, response_metadata } = final;
  result.final = { content, additional_kwargs, tool_calls, invalid_tool_calls, usage_metadata, response_metadata };
}

const clients = {
  'openai-node raw': raw,
  'openai-node helper': helper,
  '@ai-sdk/openai': ai((o) => createOpenAI(o).chat),
  '@ai-sdk/openai-compatible': ai((o) => createOpenAICompatible(o)),
  '@ai-sdk/deepseek': ai((o) => createDeepSeek(o)),
  '@langchain/openai': langchain,
};

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
    result.error = { message: message(e), status: e.status ?? e.statusCode ?? e.lastError?.statusCode };
  }
  console.log(JSON.stringify({ case: job.case, event: name, data: result }));
}

const jobs = JSON.parse(process.argv[2]);
await Promise.all(
  jobs.flatMap((job) =>
    job.legacy
      ? [run(job, 'openai-node legacy', legacy)]
      : Object.entries(clients).map(([name, play]) => run(job, name, play)),
  ),
);

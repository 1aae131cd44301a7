// SDKs of Gemini for Node: gemini.mjs JOBS
//
// The script reads the jobs and prints their results as openai.mjs does.
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { GoogleGenAI } from '@google/genai';
import { jsonSchema, streamText, tool } from 'ai';

globalThis.AI_SDK_LOG_WARNINGS = false;

const client = (job) => new GoogleGenAI({ apiKey: job.key, httpOptions: { baseUrl: job.base } });

// addParts joins the texts of parts that follow each other, and keeps other parts in their
// order.
function addParts(all, parts) {
  for (const { text, thought = false, ...rest } of parts ?? []) {
    const last = all.at(-1);
    if (text && last?.text && last.thought === thought) last.text += text;
    else if (text) all.push({ text, thought });
    if (Object.keys(rest).length > 0) all.push(rest);
  }
}

async function raw(job, result) {
  result.candidates = {};
  for await (const chunk of await client(job).models.generateContentStream({ model: job.model, contents: 'hi' })) {
    result.id = [chunk.responseId, chunk.modelVersion];
    if (chunk.usageMetadata) result.usage = chunk.usageMetadata;
    if (chunk.promptFeedback) result.feedback = [...(result.feedback ?? []), chunk.promptFeedback];
    for (const { content, index = 0, ...rest } of chunk.candidates ?? []) {
      const of = (result.candidates[index] ??= { parts: [], others: [] });
      addParts(of.parts, content?.parts);
      if (content) of.role = content.role;
      for (const [name, value] of Object.entries(rest)) if (JSON.stringify(value) !== '{}') of.others.push({ [name]: value });
    }
  }
}

// chat reads an answer and then the history, whose entries are joined by role.
async function chat(job, result) {
  const session = client(job).chats.create({ model: job.model });
  const text = [];
  for await (const chunk of await session.sendMessageStream({ message: 'hi' })) text.push(chunk.text ?? '');
  result.text = text.join('');
  for (const curated of [true, false]) {
    const joined = [];
    for (const { role, parts } of session.getHistory(curated)) {
      if (joined.at(-1)?.role !== role) joined.push({ role, parts: [] });
      addParts(joined.at(-1).parts, parts);
    }
    result[curated ? 'curated' : 'history'] = joined;
  }
}

async function ai(job, result) {
  const model = createGoogleGenerativeAI({ baseURL: `${job.base}/v1beta`, apiKey: job.key })(job.model);
  const tools = { weather: tool({ inputSchema: jsonSchema({ type: 'object', properties: {} }) }) };
  const stream = streamText({ model, messages: [{ role: 'user', content: 'hi' }], tools, maxRetries: job.retries, onError() {} });
  for await (const part of stream.fullStream) {
    switch (part.type) {
      case 'text-delta':
      case 'reasoning-delta':
        result[part.type] = (result[part.type] ?? '') + part.text;
        break;
      case 'tool-call':
        result.tools = [...(result.tools ?? []), { name: part.toolName, input: part.input }]; // the id is random
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
}

const clients = { '@google/genai stream': raw, '@google/genai chat': chat, '@ai-sdk/google': ai };

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
await Promise.all(jobs.flatMap((job) => Object.entries(clients).map(([name, play]) => run(job, name, play))));

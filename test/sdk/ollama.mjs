// The SDK of Ollama for Node: ollama.mjs JOBS
//
// It reads the jobs and prints their results as openai.mjs does.
import { Ollama } from 'ollama';

const messages = [{ role: 'user', content: 'hi' }];

// add adds a part of a stream: it joins texts and lists, and counts the ends.
function add(result, part) {
  const { message, done, ...rest } = part;
  for (const [name, value] of Object.entries({ ...message, ...rest })) {
    if (value === null || value === undefined || value === '') continue;
    if (['content', 'thinking', 'response'].includes(name)) result[name] = (result[name] ?? '') + value;
    else if (Array.isArray(value)) result[name] = [...(result[name] ?? []), ...value];
    else result[name] = value;
  }
  if (done) result.ends = (result.ends ?? 0) + 1;
}

async function play(job, result) {
  const client = new Ollama({ host: job.base, headers: { Authorization: `Bearer ${job.key}` } });
  const stream = job.legacy
    ? await client.generate({ model: job.model, prompt: 'hi', stream: true })
    : await client.chat({ model: job.model, messages, stream: true });
  for await (const part of stream) add(result, part);
}

await Promise.all(
  JSON.parse(process.argv[2]).map(async (job) => {
    const data = {};
    try {
      await play(job, data);
    } catch (err) {
      data.error = { message: err.error ?? err.message, status: err.status_code };
    }
    console.log(JSON.stringify({ case: job.case, event: 'ollama-js', data }));
  }),
);

// The client of Vercel's AI SDK: aisdk.mjs JOBS
//
// It reads the jobs and prints their results as openai.mjs does. "useChat" is the state behind
// the hook of that name, with its default transport.
import { Chat } from '@ai-sdk/react';
import { DefaultChatTransport, readUIMessageStream } from 'ai';

const user = { id: 'u1', role: 'user', parts: [{ type: 'text', text: 'hi' }] };

function transport(job) {
  const headers = { Authorization: `Bearer ${job.key}`, 'Typewriter-Event-Ids': 'on' };
  return new DefaultChatTransport({ api: job.base + '/api/chat', headers, body: { model: job.model } });
}

async function useChat(job, result) {
  const finished = [];
  const chat = new Chat({
    transport: transport(job),
    generateId: () => 'generated',
    onFinish: ({ isAbort, isDisconnect, isError, finishReason }) => finished.push({ isAbort, isDisconnect, isError, finishReason }),
    onData: (part) => (result.data = [...(result.data ?? []), part]),
  });
  await chat.sendMessage({ text: 'hi' });
  Object.assign(result, { final: chat.messages, finished, status: chat.status });
  if (chat.error) throw chat.error;
}

async function read(job, result) {
  const options = { trigger: 'submit-message', chatId: 'c1', messages: [user] };
  const stream = await transport(job).sendMessages(options);
  const onError = (err) => (result.error = { message: err.message });
  for await (const message of readUIMessageStream({ stream, onError })) result.final = message;
}

const all = { useChat, readUIMessageStream: read };
await Promise.all(
  JSON.parse(process.argv[2]).flatMap((job) =>
    Object.entries(all).map(async ([event, play]) => {
      const data = {};
      try {
        await play(job, data);
      } catch (err) {
        data.error = { message: err.message };
      }
      console.log(JSON.stringify({ case: job.case, event, data }));
    }),
  ),
);

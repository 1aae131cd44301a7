// The official SDK, @coze/api: node coze.mjs BASE [CASE...]
import { createReadStream, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CozeAPI } from '@coze/api';
import { ask, base, botID, play } from './play.mjs';

const client = new CozeAPI({ token: 'pat_test', baseURL: base });

// messages are the questions of the cases that only stream an answer.
const messages = {
  content: '写一首诗',
  reasoning: '/reasoning 写一首诗',
  messages: '/messages 写一首诗',
  audio: '/audio 写一首诗',
  unknown: '/unknown 写一首诗',
  surrogates: '/surrogates 写一首诗',
  escapes: '/escapes 写一首诗',
  separators: '/separators 写一首诗',
  numbers: '/numbers 写一首诗',
  crlf: '/crlf 写一首诗',
  cr: '/cr 写一首诗',
  comments: '/comments 写一首诗',
  studio: '/studio 写一首诗',
  'studio-error': '/studio-error 写一首诗',
  'long-line': '/long-line',
  broken: '/broken 写一首诗',
  'error-json': '/error-json',
  'error-400': '/error-400',
  'error-401': '/error-401',
  'error-429': '/error-429',
  'error-500': '/error-500',
  html: '/html',
  failed: '/failed 写一首诗',
  'error-event': '/error-event 写一首诗',
  cut: '/cut 写一首诗',
  'cut-early': '/cut-early 写一首诗',
  'no-done': '/no-done 写一首诗',
};

async function printAll(print, stream) {
  for await (const { event, data } of stream) print(event, data);
}

// openTool streams a chat up to its tool call.
async function openTool(print) {
  let chat;
  for await (const { event, data } of client.chat.stream(ask('/tool 杭州天气怎么样'))) {
    print(event, data);
    if (event === 'conversation.chat.requires_action') chat = data;
  }
  const [call] = chat.required_action.submit_tool_outputs.tool_calls;
  return {
    conversation_id: chat.conversation_id,
    chat_id: chat.id,
    tool_outputs: [{ tool_call_id: call.id, output: '小雨，12 度' }],
  };
}

// poll creates a chat, waits for its end and lists its messages.
async function poll(print, message) {
  const { id, conversation_id } = await client.chat.create(ask(message));
  let chat;
  do {
    await sleep(50);
    chat = await client.chat.retrieve(conversation_id, id);
  } while (chat.status === 'in_progress');
  print('retrieve', chat);
  print('list', await client.chat.messages.list(conversation_id, id));
}

async function upload(print, name, size) {
  const path = join(tmpdir(), name);
  writeFileSync(path, Buffer.alloc(size, 'x'));
  print('upload', await client.files.upload({ file: createReadStream(path) }));
}

play({
  ...Object.fromEntries(
    Object.entries(messages).map(([name, message]) => [
      name,
      (print) => printAll(print, client.chat.stream(ask(message))),
    ]),
  ),

  tool: async (print) => {
    const outputs = await openTool(print);
    await printAll(print, client.chat.submitToolOutputs({ ...outputs, stream: true }));
  },
  'tool-json': async (print) => {
    const outputs = await openTool(print);
    const { value } = await client.chat.submitToolOutputs({ ...outputs, stream: false }).next();
    print('submit', value);
  },
  workflow: (print) =>
    printAll(
      print,
      client.workflows.chat.stream({ ...ask('写一首诗'), workflow_id: '7400000000000000001', parameters: {} }),
    ),
  // The client disconnects in the middle of a slow answer.
  abort: async (print) => {
    const controller = new AbortController();
    const stream = client.chat.stream(ask('/slow 写一首诗'), { signal: controller.signal });
    for await (const { event } of stream) {
      if (event === 'conversation.message.delta') controller.abort();
    }
    print('left');
  },

  create: async (print) => {
    print('create', await client.chat.create(ask('/slow hi')));
  },
  poll: (print) => poll(print, '/fast hi'),
  'studio-poll': (print) => poll(print, '/studio hi'),
  'create-and-poll': async (print) => {
    const { chat, messages } = await client.chat.createAndPoll(ask('/fast hi'));
    print('chat', chat);
    print('messages', messages);
  },
  cancel: async (print) => {
    const { id, conversation_id } = await client.chat.create(ask('/slow 写一首诗'));
    print('cancel', await client.chat.cancel(conversation_id, id));
  },

  conversation: async (print) => {
    const { id } = await client.conversations.create({ meta_data: { topic: '秋天' } });
    print('conversation', await client.conversations.retrieve(id));
    const message = { role: 'user', content: '你好', content_type: 'text', meta_data: {} };
    const { id: messageID } = await client.conversations.messages.create(id, message);
    await client.conversations.messages.create(id, { ...message, role: 'assistant', content: '你也好' });
    print('message', await client.conversations.messages.retrieve(id, messageID));
    print('list', await client.conversations.messages.list(id, { order: 'asc' }));
    const chat = await client.chat.create(ask('hi', { conversation_id: id }));
    print('same conversation', chat.conversation_id === id);
  },
  'no-conversation': async (print) => print('conversation', await client.conversations.retrieve('1')),
  bot: async (print) => print('bot', await client.bots.retrieve({ bot_id: botID })),
  'no-path': async (print) => print('workspaces', await client.workspaces.list({})),
  'small-file': (print) => upload(print, '秋天.txt', 12),
  'large-file': (print) => upload(print, 'large.bin', 20_000_000),
});

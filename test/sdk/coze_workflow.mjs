// Workflows with the official SDK, @coze/api: node coze_workflow.mjs BASE [CASE...]
import { CozeAPI } from '@coze/api';
import { base, play } from './play.mjs';

const client = new CozeAPI({ token: 'pat_test', baseURL: base });
const workflow_id = '7400000000000000001';

const scenarios = [
  'nodes', 'template', 'card', 'ping', 'crlf', 'fast', 'error-json', 'error-401', 'error-429', 'error-500',
  'error-event', 'cut', 'cut-early', 'no-done',
];

async function run(print, input) {
  let last;
  for await (const { id, event, data } of client.workflows.runs.stream({ workflow_id, parameters: { input } })) {
    print(event, { id: Number(id), data });
    last = data;
  }
  return last;
}

play({
  content: (print) => run(print, '写一首诗'),
  ...Object.fromEntries(scenarios.map((name) => [name, (print) => run(print, `/${name} 写一首诗`)])),

  question: async (print) => {
    const { interrupt_data } = await run(print, '/question 天气');
    const answer = { workflow_id, event_id: interrupt_data.event_id, interrupt_type: interrupt_data.type, resume_data: '杭州' };
    for await (const { id, event, data } of client.workflows.runs.resume(answer)) print(event, { id: Number(id), data });
  },
});

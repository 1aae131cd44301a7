// The client of AG-UI: agui.mjs JOBS
//
// It reads the jobs and prints their results as openai.mjs does.
import { HttpAgent } from '@ag-ui/client';

process.env.SUPPRESS_TRANSFORMATION_WARNINGS = 'true';

// The client makes up the ids of messages of earlier versions.
const madeUp = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

async function run(job, result) {
  const agent = new HttpAgent({
    url: job.base + '/agent/run',
    headers: { Authorization: `Bearer ${job.key}` },
    threadId: 't1',
    initialMessages: [{ id: 'u1', role: 'user', content: 'hi' }],
  });
  // Of events in a row of one type and message, one is enough.
  const events = [];
  const subscriber = {
    onEvent: ({ event }) => {
      const name = `${event.type} ${event.messageId ?? ''}`;
      if (events.at(-1) !== name) events.push(name);
    },
    onRunErrorEvent: ({ event }) => (result.error = { message: event.message }),
  };
  try {
    const { result: value } = await agent.runAgent({ runId: 'r1', forwardedProps: { model: job.model } }, subscriber);
    Object.assign(result, { value, outcome: 'resolved' });
  } catch (err) {
    result.outcome = 'rejected';
    result.error ??= { message: err.message };
  }
  Object.assign(result, { events, final: agent.messages, state: agent.state });
}

await Promise.all(
  JSON.parse(process.argv[2]).map(async (job) => {
    const data = {};
    await run(job, data);
    console.log(JSON.stringify({ case: job.case, event: '@ag-ui/client', data }).replace(madeUp, 'ID'));
  }),
);
process.exit(0); // the client may keep the connection of a failed run

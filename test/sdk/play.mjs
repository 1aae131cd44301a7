// Shared by the scripts. Each script prints every event from its SDK as one line of
// JSON: {"case", "event", "data"}. The last line of a case is the event "end", or
// "throw" if the SDK has thrown.

// base is the base URL of the API; only lists the cases to run, or is empty for all.
export const [, , base, ...only] = process.argv;

export const botID = '7300000000000000001';

// ask returns the body of a chat request.
export const ask = (content, more) => ({
  bot_id: botID,
  user_id: 'sdktest',
  additional_messages: [{ role: 'user', content, content_type: 'text' }],
  ...more,
});

// play runs the cases, functions of print(event, data), in parallel.
export function play(cases) {
  const chosen = Object.entries(cases).filter(([name]) => only.length === 0 || only.includes(name));
  return Promise.all(
    chosen.map(async ([name, run]) => {
      const print = (event, data) => console.log(JSON.stringify({ case: name, event, data }));
      try {
        await run(print);
        print('end');
      } catch (e) {
        print('throw', { name: e.constructor.name, message: e.message, status: e.status, code: e.code });
      }
    }),
  );
}

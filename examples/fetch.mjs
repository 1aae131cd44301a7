// fetch with a stream reader, for Node and browsers: node fetch.mjs 'a question'
const base = process.env.BASE_URL ?? "http://127.0.0.1:8380";
const question = process.argv[2] ?? "写一首关于秋天的诗";

const reply = await fetch(`${base}/v3/chat?message=${encodeURIComponent(question)}`, { method: "POST" });
if (!reply.headers.get("content-type").startsWith("text/event-stream")) throw new Error(await reply.text());
const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
let name, rest = "";
while (name !== "done") {
  const { value, done } = await reader.read();
  if (done) throw new Error("the stream was cut");
  const blocks = (rest + value).split("\n\n"); // an event may span two reads
  rest = blocks.pop();
  for (const block of blocks) {
    const field = (key) => block.match(new RegExp(`^${key}:(.*)$`, "m"))?.[1];
    name = field("event"); // undefined for a heartbeat
    if (name === "conversation.message.delta") process.stdout.write(JSON.parse(field("data")).content);
    if (name === "error") throw new Error(field("data"));
  }
}
console.log();

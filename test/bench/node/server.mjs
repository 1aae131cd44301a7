// The AI SDK's smoothStream with 90 ms per character, over a model that has finished: the
// same text in the same deltas as for the other servers. Arguments: the encoded event
// before and after each text, and the deltas as JSON.
import http from "node:http";
import { smoothStream } from "ai";

const [before, after, json] = process.argv.slice(2);
const deltas = JSON.parse(json);

const server = http.createServer(async (req, res) => {
  req.resume();
  res.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache" });
  const parts = new ReadableStream({
    start(controller) {
      controller.enqueue({ type: "text-start", id: "1" });
      for (const text of deltas) controller.enqueue({ type: "text-delta", id: "1", text });
      controller.enqueue({ type: "text-end", id: "1" });
      controller.close();
    },
  });
  const reader = parts.pipeThrough(smoothStream({ delayInMs: 90, chunking: /./su })({ tools: {} })).getReader();
  res.on("close", () => reader.cancel());
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (next.value.type === "text-delta") res.write(before + JSON.stringify(next.value.text).slice(1, -1) + after);
  }
  res.end();
});

server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));

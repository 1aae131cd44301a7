"""httpx, asynchronously: python3 with_httpx.py 'a question'"""

import asyncio
import json
import os
import sys

import httpx

base = os.environ.get("BASE_URL", "http://127.0.0.1:8380")
question = sys.argv[1] if len(sys.argv) > 1 else "写一首关于秋天的诗"


async def main():
    name = ""
    async with httpx.AsyncClient(timeout=None) as client:
        async with client.stream("POST", base + "/v3/chat", params={"message": question}) as reply:
            if not reply.headers["content-type"].startswith("text/event-stream"):
                sys.exit((await reply.aread()).decode())
            async for line in reply.aiter_lines():
                field, _, value = line.strip().partition(":")
                name = value if field == "event" else name
                if field == "data" and name == "conversation.message.delta":
                    print(json.loads(value)["content"], end="", flush=True)
                elif field == "data" and name == "error":
                    sys.exit(value)
    print() if name == "done" else sys.exit("the stream was cut")


asyncio.run(main())

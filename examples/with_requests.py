"""requests: python3 with_requests.py 'a question'"""

import json
import os
import sys

import requests

base = os.environ.get("BASE_URL", "http://127.0.0.1:8380")
question = sys.argv[1] if len(sys.argv) > 1 else "写一首关于秋天的诗"

name = ""
with requests.post(base + "/v3/chat", params={"message": question}, stream=True) as reply:
    if not reply.headers["content-type"].startswith("text/event-stream"):
        sys.exit(reply.text)
    for line in reply.iter_lines(chunk_size=None):  # None: yield data as it arrives
        field, _, value = line.decode().partition(":")
        if field == "event":
            name = value
        elif field == "data" and name == "conversation.message.delta":
            print(json.loads(value)["content"], end="", flush=True)
        elif field == "data" and name == "error":
            sys.exit(value)
print() if name == "done" else sys.exit("the stream was cut")

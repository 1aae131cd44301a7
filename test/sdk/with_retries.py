# Retries of the SDK of OpenAI for Python, with an idempotency key: with_retries.py BASE
import json
import sys

from openai import OpenAI

name = "openai-python"
client = OpenAI(base_url=sys.argv[1], api_key="key", max_retries=2)
stream = client.chat.completions.create(
    model=name,
    stream=True,
    messages=[{"role": "user", "content": "hi"}],
    extra_headers={"Idempotency-Key": name},
)
text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
print(json.dumps({"case": name, "event": "text", "data": text}))

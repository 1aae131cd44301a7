# The SDK of Anthropic for Python: with_anthropic.py JOBS
#
# It reads the jobs and prints their results as openai.mjs does.
import functools
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from anthropic import Anthropic


@functools.cache
def connect(base, key, retries):
    return Anthropic(base_url=base, api_key=key, max_retries=retries)


def client(job):
    return connect(job["base"], job["key"], job["retries"])


def options(job):
    return {"model": job["model"], "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}


def dump(value):
    return value.model_dump(mode="json", warnings=False)


def raw(job, result):
    """Join the deltas of each block, and keep the other events in their order."""
    blocks, events = result.setdefault("blocks", {}), result.setdefault("events", [])
    for event in client(job).messages.create(stream=True, **options(job)):
        event = dump(event)
        if event["type"] != "content_block_delta":
            events.append(event)
            continue
        delta = event["delta"]
        block = blocks.setdefault(f"{event['index']} {delta.pop('type')}", {})
        for name, value in delta.items():
            if isinstance(value, str):
                block[name] = block.get(name, "") + value
            else:
                block.setdefault(name, []).append(value)


def helper(job, result):
    with client(job).messages.stream(**options(job)) as stream:
        for event in stream:
            if event.type in ("text", "thinking", "input_json"):
                name = "partial_json" if event.type == "input_json" else event.type
                result[event.type] = result.get(event.type, "") + getattr(event, name)
                result[event.type + " so far"] = getattr(event, "snapshot")
            elif event.type in ("content_block_stop", "citation", "signature"):
                result.setdefault(event.type, []).append(dump(event))
        result["final"] = dump(stream.get_final_message())


def error_type(e):
    body = getattr(e, "body", None)
    error = body.get("error") if isinstance(body, dict) else None
    return error.get("type") if isinstance(error, dict) else None


def run(job, name, play):
    result = {}
    try:
        play(job, result)
    except Exception as e:  # of any type
        message = str(e) if e.__cause__ is None else f"{e}: {e.__cause__}"
        result["error"] = {"message": message or type(e).__name__, "status": getattr(e, "status_code", None), "type": error_type(e)}
    return json.dumps({"case": job["case"], "event": name, "data": result}, default=repr)


clients = {"anthropic-python raw": raw, "anthropic-python helper": helper}
with ThreadPoolExecutor(32) as pool:
    results = [pool.submit(run, job, name, play) for job in json.loads(sys.argv[1]) for name, play in clients.items()]
    for result in results:
        print(result.result())

# The SDK of OpenAI for Python, with the Responses API: with_responses.py JOBS
#
# It reads the jobs and prints their results as openai.mjs does.
import functools
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from openai import OpenAI

TYPED = {f"response.{kind}.delta" for kind in ("output_text", "refusal", "reasoning_text", "reasoning_summary_text")}


@functools.cache
def connect(base, key, retries):
    return OpenAI(base_url=base, api_key=key, max_retries=retries)


def client(job):
    return connect(job["base"], job["key"], job["retries"])


def dump(value):
    return value.model_dump(mode="json", warnings=False)


def add(result, event):
    """Join the deltas of each part, and keep the other events in their order."""
    event = dump(event)
    if event["type"] not in TYPED:
        result.setdefault("events", []).append(event)
        return
    event.pop("obfuscation", None)
    place = [event.pop(name, None) for name in ("type", "item_id", "output_index", "content_index", "summary_index")]
    part = result.setdefault("parts", {}).setdefault(" ".join(map(str, place)), {"text": "", "logprobs": []})
    part["text"] += event.pop("delta")
    part["logprobs"] += event.pop("logprobs", None) or []
    part.update(event)


def raw(job, result):
    for event in client(job).responses.create(model=job["model"], input="hi", stream=True):
        add(result, event)


def helper(job, result):
    with client(job).responses.stream(model=job["model"], input="hi") as stream:
        for event in stream:
            add(result, event)
        result["final"] = dump(stream.get_final_response())


def run(job, name, play):
    result = {}
    try:
        play(job, result)
    except Exception as e:  # of any type
        message = str(e) if e.__cause__ is None else f"{e}: {e.__cause__}"
        result["error"] = {"message": message or type(e).__name__, "status": getattr(e, "status_code", None)}
    return json.dumps({"case": job["case"], "event": name, "data": result}, default=repr)


clients = {"openai-python raw": raw, "openai-python helper": helper}
with ThreadPoolExecutor(32) as pool:
    results = [pool.submit(run, job, name, play) for job in json.loads(sys.argv[1]) for name, play in clients.items()]
    for result in results:
        print(result.result())

# The SDK of OpenAI for Python: with_openai.py JOBS
#
# It reads the jobs and prints their results as openai.mjs does.
import functools
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from openai import OpenAI

messages = [{"role": "user", "content": "hi"}]


@functools.cache
def connect(base, key, retries):
    return OpenAI(base_url=base, api_key=key, max_retries=retries)


def client(job):
    return connect(job["base"], job["key"], job["retries"])


def options(job):
    return {"model": job["model"], "messages": messages, "stream_options": {"include_usage": True}}


def add(total, delta):
    """Add a delta: concatenate texts and lists."""
    for name, value in delta.items():
        if value is None or value == "" or name == "index":
            continue
        if name == "tool_calls":
            tools = total.setdefault("tools", {})
            for call in value:
                add(tools.setdefault(str(call["index"]), {}), call)
        elif isinstance(value, dict):
            add(total.setdefault(name, {}), value)
        elif isinstance(value, (str, list)):
            total[name] = total[name] + value if name in total else value
        else:
            total[name] = value


def add_up(result, stream):
    result["choices"] = {}
    for chunk in stream:
        chunk = chunk.model_dump(mode="json", warnings=False)
        for choice in chunk.get("choices") or []:
            total = result["choices"].setdefault(str(choice.pop("index")), {})
            delta = choice.pop("delta", None) or {}
            choice.pop("content_filter_results", None)
            for detail in delta.pop("reasoning_details", None) or []:
                add(total, {detail["type"]: detail.get("text")})
            role = delta.pop("role", None)
            if role:
                total["role"] = role
            add(total, choice)
            add(total, delta)
        if chunk.get("usage"):
            result.setdefault("usages", []).append(chunk["usage"])
        if chunk.get("citations"):
            result["citations"] = chunk["citations"]


def raw(job, result):
    add_up(result, client(job).chat.completions.create(stream=True, **options(job)))


def legacy(job, result):
    add_up(result, client(job).completions.create(model=job["model"], prompt="hi", stream=True))


def helper(job, result):
    with client(job).chat.completions.stream(**options(job)) as stream:
        for event in stream:
            if event.type == "content.delta":
                result["content"] = result.get("content", "") + event.delta
            elif event.type.endswith(".done"):
                result.setdefault(event.type, []).append(event.model_dump(mode="json", warnings=False))
        result["final"] = stream.get_final_completion().model_dump(mode="json", warnings=False)


def run(job, name, play):
    result = {}
    try:
        play(job, result)
    except Exception as e:  # of any type
        message = str(e) if e.__cause__ is None else f"{e}: {e.__cause__}"
        result["error"] = {"message": message or type(e).__name__, "status": getattr(e, "status_code", None)}
    return json.dumps({"case": job["case"], "event": name, "data": result})


chat = {"openai-python raw": raw, "openai-python helper": helper}
completions = {"openai-python legacy": legacy}
with ThreadPoolExecutor(32) as pool:
    results = [
        pool.submit(run, job, name, play)
        for job in json.loads(sys.argv[1])
        for name, play in (completions if job["legacy"] else chat).items()
    ]
    for result in results:
        print(result.result())

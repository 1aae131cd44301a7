# The SDK of Gemini for Python: with_gemini.py JOBS
#
# It reads the jobs and prints their results as openai.mjs does.
import functools
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from google import genai
from google.genai import types


@functools.cache
def client(base, key):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base))


def dump(value):
    return value.model_dump(mode="json", exclude_none=True, warnings=False)


def add_parts(total, parts):
    """Join the texts of parts that follow each other, and keep other parts in their order."""
    for part in parts or []:
        text, thought = part.pop("text", None), part.pop("thought", False)
        last = total[-1] if total else {}
        if text and last.get("text") and last["thought"] == thought:
            last["text"] += text
        elif text:
            total.append({"text": text, "thought": thought})
        if part:
            total.append(part)


def raw(job, result):
    candidates = result.setdefault("candidates", {})
    for chunk in client(job["base"], job["key"]).models.generate_content_stream(model=job["model"], contents="hi"):
        chunk = dump(chunk)
        result["id"] = [chunk.get("response_id"), chunk.get("model_version")]
        if "usage_metadata" in chunk:
            result["usage"] = chunk["usage_metadata"]
        if "prompt_feedback" in chunk:
            result.setdefault("feedback", []).append(chunk["prompt_feedback"])
        for candidate in chunk.get("candidates") or []:
            content = candidate.pop("content", None) or {}
            of = candidates.setdefault(str(candidate.pop("index", 0)), {"parts": [], "others": []})
            add_parts(of["parts"], content.get("parts"))
            of["role"] = content.get("role")
            of["others"] += [{name: value} for name, value in candidate.items() if value != {}]


def chat(job, result):
    """Read an answer and then the history, whose entries are joined by role."""
    session = client(job["base"], job["key"]).chats.create(model=job["model"])
    result["text"] = "".join(chunk.text or "" for chunk in session.send_message_stream("hi"))
    for curated in (True, False):
        joined = []
        for content in session.get_history(curated=curated):
            content = dump(content)
            if not joined or joined[-1]["role"] != content.get("role"):
                joined.append({"role": content.get("role"), "parts": []})
            add_parts(joined[-1]["parts"], content.get("parts"))
        result["curated" if curated else "history"] = joined


def run(job, name, play):
    result = {}
    try:
        play(job, result)
    except Exception as e:  # of any type
        message = str(e) if e.__cause__ is None else f"{e}: {e.__cause__}"
        result["error"] = {"message": message or type(e).__name__, "status": getattr(e, "code", None), "type": getattr(e, "status", None)}
    return json.dumps({"case": job["case"], "event": name, "data": result}, default=repr)


clients = {"google-genai stream": raw, "google-genai chat": chat}
jobs = json.loads(sys.argv[1])
for job in jobs:
    client(job["base"], job["key"])  # a second client of a base URL would close the first one
with ThreadPoolExecutor(32) as pool:
    results = [pool.submit(run, job, name, play) for job in jobs for name, play in clients.items()]
    for result in results:
        print(result.result())

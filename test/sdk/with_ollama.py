# The SDK of Ollama for Python: with_ollama.py JOBS
#
# It reads the jobs and prints their results as openai.mjs does.
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from ollama import Client, ResponseError


def add(result, part):
    """Add a part of a stream: join texts and lists, and count the ends."""
    message = part.pop("message", None) or {}
    if part.pop("done", None):
        result["ends"] = result.get("ends", 0) + 1
    for name, value in {**message, **part}.items():
        if value is None or value == "":
            continue
        if name in ("content", "thinking", "response") or isinstance(value, list):
            result[name] = result[name] + value if name in result else value
        else:
            result[name] = value


def play(job):
    result = {}
    try:
        client = Client(host=job["base"], headers={"Authorization": "Bearer " + job["key"]})
        if job["legacy"]:
            stream = client.generate(model=job["model"], prompt="hi", stream=True)
        else:
            stream = client.chat(model=job["model"], messages=[{"role": "user", "content": "hi"}], stream=True)
        for part in stream:
            add(result, part.model_dump(mode="json"))
    except ResponseError as err:
        result["error"] = {"message": err.error, "status": err.status_code}
    except Exception as err:
        result["error"] = {"message": repr(err)}
    return json.dumps({"case": job["case"], "event": "ollama-python", "data": result})


with ThreadPoolExecutor(8) as pool:
    for line in pool.map(play, json.loads(sys.argv[1])):
        print(line)

# The SDK of Dify for Python: with_dify.py JOBS
#
# It reads the jobs and prints their results as dify.mjs does. The SDK hands out the response,
# whose lines are read here, and has no workflows.
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from dify_client import ChatClient, CompletionClient


def connect(kind, job):
    client = kind(job["key"])
    client.base_url = job["base"]
    return client


def request(job):
    """Send the request of a job. The name of the stream is an input."""
    inputs, model = {"model": job["model"]}, job["model"]
    if "workflow" in model:
        body = {"inputs": inputs, "user": "me", "response_mode": "streaming"}
        return connect(ChatClient, job)._send_request("POST", "/workflows/run", body, stream=True)
    if "completion" in model:
        return connect(CompletionClient, job).create_completion_message(inputs, "streaming", "me")
    return connect(ChatClient, job).create_chat_message(inputs, model, "me", response_mode="streaming")


class EventError(Exception):
    pass


def add(result, event):
    """Add an event: texts are joined, and other events are kept in their order."""
    data = event.get("data") or {}
    name = event["event"]
    if name == "error":
        raise EventError(event["message"])
    text = {
        "message": event.get("answer"), "agent_message": event.get("answer"),
        "text_chunk": data.get("text"), "reasoning_chunk": data.get("reasoning"),
    }.get(name)
    if text is None:
        result["events"].append(event)
        return
    selector = event.get("from_variable_selector") or data.get("from_variable_selector")
    of = result["texts"].setdefault(f"{name} {event.get('message_id')} {selector}", {"text": "", "finals": 0})
    of["text"] += text
    of["finals"] += 1 if data.get("is_final") else 0
    of["last"] = {key: value for key, value in event.items() if key not in ("answer", "data")}


def play(job, result):
    result.update(texts={}, events=[])
    response = request(job)
    if response.status_code != 200:
        body = response.json()
        result["error"] = {"message": body["message"], "status": response.status_code, "type": body["code"]}
        return
    for line in response.iter_lines():
        if line.startswith(b"data:"):
            add(result, json.loads(line[len(b"data:"):]))


def run(job):
    result = {}
    try:
        play(job, result)
    except Exception as e:  # of any type
        result["error"] = {"message": str(e)}
    return json.dumps({"case": job["case"], "event": "dify-client", "data": result})


with ThreadPoolExecutor(32) as pool:
    for line in pool.map(run, json.loads(sys.argv[1])):
        print(line)

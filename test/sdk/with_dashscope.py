# The SDK of DashScope for Python: with_dashscope.py JOBS
#
# It reads the jobs and prints their results as openai.mjs does. The name of a model says what
# is asked for: "omni ..." snapshots, "auto ..." what is the default, and anything else
# increments.
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from dashscope import Generation, MultiModalConversation


def texts(message):
    """Return the texts of a message, whose content is a text or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content)
    return {"content": content, "reasoning": message.get("reasoning_content") or ""}


def add(result, response, repeats):
    if response.status_code != 200:
        result["error"] = {"message": response.message, "status": response.status_code, "type": response.code}
        return
    choice = response.output.choices[0]
    for name, text in texts(choice.message).items():
        result[name] = text if repeats else result.get(name, "") + text
    for call in choice.message.get("tool_calls") or []:
        result.setdefault("calls", []).append(call)
    if choice.finish_reason != "null":
        result["ends"] = result.get("ends", 0) + 1
    result["usage"] = dict(response.usage or {})
    result["request_id"] = response.request_id


def play(job):
    result = {}
    repeats = job["model"].split()[0] in ("omni", "auto")
    options = {} if job["model"].startswith("auto") else {"incremental_output": not repeats}
    try:
        if job["legacy"]:
            call, content = MultiModalConversation.call, [{"text": "hi"}]
        else:
            call, content = Generation.call, "hi"
            options["result_format"] = "message"
        stream = call(
            model=job["model"], api_key=job["key"], messages=[{"role": "user", "content": content}],
            stream=True, base_address=job["base"], **options,
        )
        for response in stream:
            add(result, response, repeats)
    except Exception as err:
        result["error"] = {"message": repr(err)}
    return json.dumps({"case": job["case"], "event": "dashscope", "data": result})


with ThreadPoolExecutor(8) as pool:
    for line in pool.map(play, json.loads(sys.argv[1])):
        print(line)

# Workflows with the official SDK for Python, cozepy: with_cozepy_workflow.py BASE [CASE...]
#
# It prints every event from the SDK as one line of JSON, as play.mjs does.
import json
import logging
import sys
import threading
import warnings

with warnings.catch_warnings(record=True):  # of a dependency
    from cozepy import Coze, TokenAuth, WorkflowEventType

logging.disable(logging.CRITICAL)  # of the SDK, to stderr
base, *only = sys.argv[1:]
coze = Coze(auth=TokenAuth("pat_test"), base_url=base)
lock = threading.Lock()

workflow_id = "7400000000000000001"

scenarios = [
    "nodes", "template", "card", "ping", "crlf", "fast", "error-json", "error-401", "error-429", "error-500",
    "error-event", "cut", "cut-early", "no-done",
]  # fmt: skip


def emit(case, event, data=None):
    with lock:
        print(json.dumps({"case": case, "event": event, "data": data}), flush=True)


def read(case, stream):
    last = None
    for event in stream:
        if event.unknown:  # the text of the fields
            data = event.unknown["data"]
        else:
            part = event.message or event.interrupt or event.error
            data = part and part.model_dump(mode="json", exclude_none=True)
        emit(case, str(event.event.value), {"id": event.id, "data": data})
        last = event
    return last


def run(case, question):
    return read(case, coze.workflows.runs.stream(workflow_id=workflow_id, parameters={"input": question}))


def answer(case, question):
    last = run(case, question)
    assert last.event == WorkflowEventType.INTERRUPT
    asked = last.interrupt.interrupt_data
    read(case, coze.workflows.runs.resume(
        workflow_id=workflow_id, event_id=asked.event_id, interrupt_type=asked.type, resume_data="杭州"))


def play(case, function, question):
    try:
        function(case, question)
        emit(case, "end")
    except Exception as e:  # the SDK throws many types
        emit(case, "throw", {"name": type(e).__name__, "message": str(e), "code": getattr(e, "code", None)})


cases = {name: (run, f"/{name} 写一首诗") for name in scenarios}
cases |= {"content": (run, "写一首诗"), "question": (answer, "/question 天气")}
threads = [threading.Thread(target=play, args=(name, *call)) for name, call in cases.items() if not only or name in only]
for t in threads:
    t.start()
for t in threads:
    t.join()

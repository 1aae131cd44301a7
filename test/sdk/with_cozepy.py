# The official SDK for Python, cozepy: with_cozepy.py BASE [CASE...]
#
# It prints every event from the SDK as one line of JSON, as play.mjs does.
import json
import logging
import sys
import threading
import warnings

with warnings.catch_warnings(record=True):  # of a dependency
    from cozepy import Coze, Message, TokenAuth

logging.disable(logging.CRITICAL)  # of the SDK, to stderr
base, *only = sys.argv[1:]
coze = Coze(auth=TokenAuth("pat_test"), base_url=base)
lock = threading.Lock()

bot_id, user_id = "7300000000000000001", "sdktest"

# messages are the questions of the cases that only stream an answer. There is no case
# "surrogates": cozepy rejects half a character in a delta, which raw mode passes on.
messages = {
    "content": "写一首诗",
    "reasoning": "/reasoning 写一首诗",
    "messages": "/messages 写一首诗",
    "unknown": "/unknown 写一首诗",
    "escapes": "/escapes 写一首诗",
    "separators": "/separators 写一首诗",
    "numbers": "/numbers 写一首诗",
    "crlf": "/crlf 写一首诗",
    "cr": "/cr 写一首诗",
    "comments": "/comments 写一首诗",
    "studio": "/studio 写一首诗",
    "studio-error": "/studio-error 写一首诗",
    "long-line": "/long-line",
    "broken": "/broken 写一首诗",
    "error-json": "/error-json",
    "error-400": "/error-400",
    "error-401": "/error-401",
    "error-429": "/error-429",
    "error-500": "/error-500",
    "html": "/html",
    "failed": "/failed 写一首诗",
    "error-event": "/error-event 写一首诗",
    "cut": "/cut 写一首诗",
    "cut-early": "/cut-early 写一首诗",
    "no-done": "/no-done 写一首诗",
}


def emit(case, event, data=None):
    with lock:
        print(json.dumps({"case": case, "event": event, "data": data}), flush=True)


def question(text):
    return [Message.build_user_question_text(text)]


def stream(case, message):
    for event in coze.chat.stream(bot_id=bot_id, user_id=user_id, additional_messages=question(message)):
        data = event.message or event.chat
        emit(case, event.event, data and data.model_dump(mode="json", exclude_none=True))


def poll(case):
    result = coze.chat.create_and_poll(bot_id=bot_id, user_id=user_id, additional_messages=question("写一首诗"))
    emit(case, "chat", result.chat.model_dump(mode="json", exclude_none=True))
    for message in result.messages or []:
        emit(case, "message", message.model_dump(mode="json", exclude_none=True))


def run(case, function, *args):
    try:
        function(case, *args)
        emit(case, "end")
    except Exception as e:  # the SDK throws many types
        emit(case, "throw", {"name": type(e).__name__, "message": str(e), "code": getattr(e, "code", None)})


cases = {name: (stream, message) for name, message in messages.items()} | {"poll": (poll,)}
threads = [threading.Thread(target=run, args=(name, *call)) for name, call in cases.items() if not only or name in only]
for t in threads:
    t.start()
for t in threads:
    t.join()

"""A child that speaks the protocol of the local language model's worker, without a model.

It says what the last turn tells it to: `say WORDS`, `slow WORDS` (a piece only while it is not
stopped), `die`, `hang`, `long`; anything else is repeated with two marks. Its "model" is the
file of its first argument, in which the word `broken` stands for one that cannot be loaded.
"""

import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from clone_studio.providers.llm.local_worker import Teller, listen
from clone_studio.providers.processes import frames
from clone_studio.providers.processes.child import become_child


def _pieces(text: str) -> list[dict[str, Any]]:
    words = text.split(" ")
    ends = [*(word + " " for word in words[:-1]), words[-1]]
    return [{"choices": [{"delta": {"content": word}}]} for word in ends]


def _answer(request: frames.Header, tell: Teller, output: BinaryIO) -> None:
    order, _, words = request["turns"][-1][1].partition(" ")
    read = sum(len(text) for _role, text in request["turns"])
    tell.take({"prompt_progress": {"processed": read, "total": read}})
    if order == "die":
        for piece in _pieces(words) if words else ():
            tell.take(piece)
        os._exit(9)
    if order == "hang":
        threading.Event().wait()
    if order == "long":
        tell.take({"error": {"type": "exceed_context_size_error", "message": "too long"}})
        return
    said = 0
    answer = words if order in {"say", "slow"} else f"You asked: {order} {words} [2] [1]"
    for piece in _pieces(answer):
        if tell.take(piece):
            return
        said += 1
        while order == "slow":
            threading.Event().wait(0.005)
            if tell.take({}):
                return
        if said >= request["maxTokens"]:
            tell.take({"choices": [{"finish_reason": "length", "delta": {}}]})
            break
    tell.take({"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": said}})


def main() -> None:
    """Answer as the real worker does."""
    file, _threads = sys.argv[1:3]
    output = become_child()
    asked: queue.SimpleQueue[frames.Header] = queue.SimpleQueue()
    stopped: set[int] = set()
    threading.Thread(target=listen, args=(asked, stopped), daemon=True).start()
    if "broken" in Path(file).read_text():
        frames.write(output, {"kind": "error", "code": "not_loaded", "detail": "broken"})
        os._exit(1)
    frames.write(output, {"kind": "ready"})
    with Path(file).with_name("started").open("a") as log:
        log.write(f"{os.getpid()}\n")
    while True:
        request = asked.get()
        with Path(file).with_name("asked").open("a") as log:
            log.write(request["turns"][-1][1] + "\n")
        tell = Teller(output, request["id"], stopped)
        _answer(request, tell, output)
        tell.end()


if __name__ == "__main__":
    main()

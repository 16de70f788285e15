"""The child process that runs the language model.

Run as `python -m clone_studio.providers.llm.local_worker FILE THREADS`. It is spoken to in the
messages of `frames.py`, one answer at a time:

    ask      to it: `id`, `turns` as pairs of role and text, `temperature`, `maxTokens`
    stop     to it: the answer `id` is not wanted any more
    ready    from it: the model is loaded
    reading  from it: `id`, and how many of the prompt's tokens are read
    text     from it: `id`, and the next piece
    end      from it: `id`, `reason`, `promptTokens`, `completionTokens`
    error    from it: `code` and `detail`; without `id` it ends, because it cannot work at all
"""

import contextlib
import os
import queue
import secrets
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

from clone_studio.providers.processes import frames
from clone_studio.providers.processes.child import become_child

# The model's own 1.1 GB are mapped; what it works with comes to about 0.8 GB more.
MEMORY_BYTES = 4 * 1024 * 1024 * 1024
CONTEXT_TOKENS = 4096
# So many tokens of a prompt are read before the next look whether it is still wanted.
BATCH_TOKENS = 128
# What was read for other clones and threads is kept for the next question, about 30 KB a token.
KEPT_MEBIBYTES = 256


class Engine:
    """The loaded model.

    Args:
        file: The weights, as GGUF.
        threads: How many processor cores it may use.

    Raises:
        ImportError: The engine's package is not installed.
        RuntimeError: The file cannot be loaded.
    """

    def __init__(self, file: Path, threads: int) -> None:
        import xllamacpp

        options = xllamacpp.CommonParams()
        options.model.path = str(file)
        options.n_ctx = CONTEXT_TOKENS
        options.n_parallel = 1
        options.n_batch = options.n_ubatch = BATCH_TOKENS
        options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
        options.n_gpu_layers = 0
        options.fit_params = False
        options.cache_prompt = True
        options.cache_ram_mib = KEPT_MEBIBYTES
        options.verbosity = -1
        self._server = _unreachable(options, xllamacpp)

    def answer(self, request: frames.Header, tell: "Teller") -> None:
        """Write one answer; stops as soon as `tell` says that it is not wanted any more."""
        self._server.handle_chat_completions(
            {
                "messages": [{"role": role, "content": text} for role, text in request["turns"]],
                "temperature": request["temperature"],
                "max_tokens": request["maxTokens"],
                "stream": True,
                "stream_options": {"include_usage": True},
                # Without it a prompt that is being read could not be stopped.
                "return_progress": True,
                "cache_prompt": True,
            },
            tell.take,
        )


def _unreachable(options: Any, xllamacpp: Any) -> Any:
    """Start the engine so that nobody else can talk to it.

    The library always opens an HTTP server, without a password and for pages of any origin.
    It gets a socket in a private folder, which is deleted once it listens, and a key that
    nobody has.
    """
    options.api_keys = [secrets.token_hex(32)]
    options.ui = options.endpoint_slots = options.endpoint_props = False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options.hostnames = [str(Path(folder) / "engine.sock")]
        return xllamacpp.Server(options)


class Teller:
    """Turns what the engine says about one answer into messages.

    Args:
        output: Where they are written.
        number: Id of the answer.
        stopped: Ids that are not wanted any more.
    """

    def __init__(self, output: BinaryIO, number: int, stopped: set[int]) -> None:
        self._output, self._number, self._stopped = output, number, stopped
        self._reason = "stop"
        self._usage: dict[str, Any] = {}
        self._failed = False

    def take(self, chunk: dict[str, Any]) -> bool:
        """Pass one chunk on; True ends the generation."""
        if self._number in self._stopped:
            return True
        if error := chunk.get("error"):
            self.fail(
                "too_long" if "context_size" in error["type"] else "refused", error["message"]
            )
            return True
        if progress := chunk.get("prompt_progress"):
            self._say("reading", done=progress["processed"], total=progress["total"])
            return False
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or ():
            self._reason = choice.get("finish_reason") or self._reason
            if text := (choice.get("delta") or {}).get("content"):
                self._say("text", text=text)
        return False

    def end(self) -> None:
        """Say that the answer has ended."""
        if not self._failed:
            self._say(
                "end",
                reason="length" if self._reason == "length" else "stop",
                promptTokens=self._usage.get("prompt_tokens"),
                completionTokens=self._usage.get("completion_tokens"),
            )

    def fail(self, code: str, detail: str) -> None:
        """Say that there will be no answer."""
        self._failed = True
        self._say("error", code=code, detail=detail[:200])

    def _say(self, kind: str, **values: Any) -> None:
        frames.write(self._output, {"kind": kind, "id": self._number, **values})


def listen(asked: "queue.SimpleQueue[frames.Header]", stopped: set[int]) -> None:
    """Take requests until the parent ends, and end with it."""
    with contextlib.suppress(frames.BrokenFrame):
        while request := frames.read(sys.stdin.buffer):
            if request[0]["kind"] == "stop":
                stopped.add(request[0]["id"])
            else:
                asked.put(request[0])
    os._exit(0)


def main() -> None:
    """Answer requests until the parent ends."""
    file, threads = sys.argv[1:3]
    output = become_child(memory_bytes=MEMORY_BYTES)
    asked: queue.SimpleQueue[frames.Header] = queue.SimpleQueue()
    stopped: set[int] = set()
    threading.Thread(target=listen, args=(asked, stopped), daemon=True).start()
    try:
        engine = Engine(Path(file), int(threads))
    except (ImportError, RuntimeError, MemoryError) as error:
        code = "no_engine" if isinstance(error, ImportError) else "not_loaded"
        frames.write(output, {"kind": "error", "code": code, "detail": str(error)[:200]})
        # The engine's own threads would keep the process.
        os._exit(1)
    frames.write(output, {"kind": "ready"})
    while True:
        request = asked.get()
        tell = Teller(output, request["id"], stopped)
        try:
            engine.answer(request, tell)
        except (ValueError, RuntimeError) as error:
            tell.fail("refused", str(error))
        tell.end()
        stopped.discard(request["id"])


if __name__ == "__main__":
    main()

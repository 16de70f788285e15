"""A stand-in for a server that speaks OpenAI's protocol, good days and bad ones, over real HTTP.

Run it beside the studio: `python -m tests.servers.openai_server --port 9000 --delay-ms 150`.
"""

import argparse
import asyncio
import base64
import hashlib
import itertools
import json
import re
import signal
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from tests.servers.http_loop import HttpLoop, Reply, Request

DEFAULT_TEXT = (
    "The thirteen virtues are listed in my autobiography [1]. I practised one a week [2]."
)
MODELS = ("gpt-6-luna", "gpt-6-astra", "gpt-4o", "text-embedding-3-small")
DIMENSION = 64
FAILURES: dict[str, tuple[int, dict[str, Any]]] = {
    "401": (401, {"message": "Incorrect API key provided: sk-ab***yz.", "code": "invalid_api_key"}),
    "404": (404, {"message": "The model does not exist", "code": "model_not_found"}),
    "429": (429, {"message": "Rate limit reached", "code": "rate_limit_exceeded"}),
    "quota": (429, {"message": "You exceeded your quota", "code": "insufficient_quota"}),
    "context": (400, {"message": "Too many tokens", "code": "context_length_exceeded"}),
    "500": (500, {"message": "The server had an error", "type": "server_error"}),
    "503": (503, {"message": "Overloaded", "code": "server_is_overloaded"}),
}


@dataclass
class Behaviour:
    """How the next answers go; times in seconds.

    `mode` is normal, hang (silent for ever), stall (silent after half of the text), cut
    (connection dropped after half), short (stream ends early without a finish reason), error
    (an error event after half), garbage (a broken event after half), html, refusal, filter,
    filter_empty, empty, length, echo (repeats the system text), repeat_401 or repeat_400 (an
    error that repeats the key it was sent) or a key of `FAILURES`.
    """

    mode: str = "normal"
    text: str = DEFAULT_TEXT
    first_delay: float = 0.0
    delay: float = 0.0
    piece_chars: int = 6
    unsupported: tuple[str, ...] = ()
    usage: bool = True


@dataclass
class OpenAIServer:
    """The server and what it was asked; `script` holds behaviours for the next requests."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    script: list[Behaviour] = field(default_factory=list)
    shut_down_models: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    closed_early: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    @contextmanager
    def running(self, port: int = 0) -> Iterator["OpenAIServer"]:
        """Serve until the block ends; `address` is the base URL for the SDK."""
        loop = HttpLoop(self._answer)
        with loop.running(port):
            self.address = f"http://127.0.0.1:{loop.port}/v1"
            yield self

    def chats(self) -> list[dict[str, Any]]:
        """Return the bodies of the chat requests so far."""
        return [one.body for one in self.requests if one.path == "/v1/chat/completions"]

    async def _answer(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        routes = {
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/embeddings"): self._embeddings,
            ("GET", "/v1/models"): self._models,
        }
        route = routes.get((request.method, request.path))
        if route is None:
            await reply.json(404, {"detail": "Not Found"})
        else:
            await route(request, reply)

    async def _models(self, request: Request, reply: Reply) -> None:
        if await self._refused(self.behaviour, request, reply):
            return
        items = [
            {"id": name, "object": "model", "created": 1, "owned_by": "stand-in"}
            | ({"shutdown_date": date} if (date := self.shut_down_models.get(name)) else {})
            for name in MODELS
        ]
        await reply.json(200, {"object": "list", "data": items})

    async def _embeddings(self, request: Request, reply: Reply) -> None:
        if await self._refused(self.behaviour, request, reply):
            return
        texts = request.body["input"]
        texts = [texts] if isinstance(texts, str) else texts
        in_base64 = request.body.get("encoding_format") == "base64"
        items = []
        for index, text in enumerate(texts):
            vector = embedding(text, request.body.get("dimensions", DIMENSION))
            packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            items.append(
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": packed if in_base64 else vector,
                }
            )
        tokens = sum(map(len, texts)) // 4
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        model = request.body["model"]
        await reply.json(200, {"object": "list", "data": items, "model": model, "usage": usage})

    async def _chat(self, request: Request, reply: Reply) -> None:
        how = self.script.pop(0) if self.script else self.behaviour
        if await self._refused(how, request, reply) or await _unsupported(how, request.body, reply):
            return
        if how.mode == "hang":
            await self._wait_for_client(reply)
            return
        if how.first_delay:
            await asyncio.sleep(how.first_delay)
        if request.body.get("stream"):
            try:
                await self._stream(how, request.body, reply)
            except ConnectionError:
                self.closed_early.set()
        else:
            await reply.json(200, _completion(how, request.body))

    async def _refused(self, how: Behaviour, request: Request, reply: Reply) -> bool:
        if how.mode.startswith("repeat_"):
            sent = request.headers.get("authorization", "")
            error = {"message": f"You sent {sent}, which is wrong.", "type": None, "code": None}
            await reply.json(int(how.mode.removeprefix("repeat_")), {"error": error})
        elif how.mode == "html":
            page = b"<html><body><h1>502 Bad Gateway</h1><p>nginx secret-upstream</p></body></html>"
            await reply.whole(502, page, "text/html")
        elif how.mode in FAILURES:
            status, error = FAILURES[how.mode]
            extra = {"retry_after": "90"} if how.mode == "429" else {}
            await reply.json(status, {"error": {"type": None, "param": None} | error}, **extra)
        else:
            return False
        return True

    async def _wait_for_client(self, reply: Reply) -> None:
        await reply.gone.wait()
        self.closed_early.set()

    async def _stream(self, how: Behaviour, body: dict[str, Any], reply: Reply) -> None:
        text = _text_of(how, body)
        pieces = [text[i : i + how.piece_chars] for i in range(0, len(text), how.piece_chars)]
        reply.start_events()
        await reply.event(_chunk(body, {"role": "assistant", "content": ""}))
        for index, piece in enumerate(pieces):
            if index == len(pieces) // 2 and await self._trouble(how, body, reply):
                return
            key = "refusal" if how.mode == "refusal" else "content"
            await reply.event(_chunk(body, {key: piece}))
            if how.delay:
                await asyncio.sleep(how.delay)
        reason = {"filter": "content_filter", "filter_empty": "content_filter", "length": "length"}
        await reply.event(_chunk(body, {}, finish=reason.get(how.mode, "stop")))
        if how.usage and (body.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366}
            await reply.event(_chunk(body, None, usage=usage))
        await reply.event("[DONE]")
        await reply.end_events()

    async def _trouble(self, how: Behaviour, body: dict[str, Any], reply: Reply) -> bool:
        """Do what `how` has in store for the middle of the stream; True when that ends it."""
        if how.mode == "stall":
            await self._wait_for_client(reply)
        elif how.mode == "cut":
            reply.cut()
        elif how.mode == "short":
            await reply.end_events()
        elif how.mode == "error":
            error = {"message": "The server had an error", "type": "server_error", "code": None}
            await reply.event(json.dumps({"error": error}))
            await reply.end_events()
        elif how.mode == "garbage":
            await reply.event('{"id": "chatcmpl-1", "choi')
            await reply.end_events()
        else:
            return False
        return True


def embedding(text: str, dimension: int) -> list[float]:
    """Return a unit vector that depends on the words of `text` only: same words, same vector."""
    vector = [0.0] * dimension
    for word in re.findall(r"\w+", text.lower()) or ["empty"]:
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        sign = 1.0 if digest[0] % 2 else -1.0
        vector[int.from_bytes(digest[1:5], "little") % dimension] += sign
    length = sqrt(sum(value * value for value in vector))
    if length == 0.0:
        vector[0] = length = 1.0
    return [value / length for value in vector]


_ids = itertools.count(1)


def _chunk(
    body: dict[str, Any],
    delta: dict[str, Any] | None,
    *,
    finish: str | None = None,
    usage: dict[str, int] | None = None,
) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return json.dumps(
        {
            "id": f"chatcmpl-{next(_ids)}",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": body["model"],
            "choices": choices,
            "usage": usage,
            "obfuscation": "a8Kq",
        }
    )


def _completion(how: Behaviour, body: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": _text_of(how, body), "refusal": None}
    return {
        "id": f"chatcmpl-{next(_ids)}",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366},
    }


def _text_of(how: Behaviour, body: dict[str, Any]) -> str:
    if how.mode in {"empty", "filter_empty"}:
        return ""
    if how.mode == "echo":
        return "\n".join(turn["content"] for turn in body["messages"] if turn["role"] == "system")
    return how.text


async def _unsupported(how: Behaviour, body: dict[str, Any], reply: Reply) -> bool:
    """Refuse the first parameter that `how` does not know, as OpenAI's newer models do."""
    for name in how.unsupported:
        if name in body:
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            error = {"message": message, "type": "invalid_request_error", "param": name}
            await reply.json(400, {"error": error | {"code": "unsupported_parameter"}})
            return True
    return False


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--first-ms", type=float, default=0.0, help="before the first piece")
    parser.add_argument("--delay-ms", type=float, default=20.0, help="between two pieces")
    parser.add_argument("--pieces", type=int, default=0, help="repeat the text up to this many")
    parser.add_argument("--mode", default="normal")
    options = parser.parse_args()
    text = DEFAULT_TEXT
    if options.pieces:
        text = (text + " ") * (options.pieces * 6 // len(text) + 1)
        text = text[: options.pieces * 6]
    how = Behaviour(options.mode, text, options.first_ms / 1000, options.delay_ms / 1000)
    with OpenAIServer(how).running(options.port) as server:
        sys.stdout.write(f"{server.address}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()

"""Reads streamed answers with as little work as can be, so that the server is what is measured."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

LIMIT_SECONDS = 120


@dataclass
class Heard:
    """One streamed answer: when each piece of text came, in seconds after the request."""

    pieces: list[float] = field(default_factory=list)
    ended: bool = False
    problem: str = ""

    @property
    def first(self) -> float:
        """Seconds to the first piece of text."""
        return self.pieces[0]

    @property
    def widest_gap(self) -> float:
        """The longest time between two pieces, in seconds."""
        pairs = zip(self.pieces, self.pieces[1:], strict=False)
        return max((after - before for before, after in pairs), default=0.0)


@dataclass(frozen=True)
class Question:
    """A POST whose answer is a stream of events.

    `mark` is what stands in the stream once for each piece of text, and `end` at its end.
    """

    port: int
    path: str
    body: dict[str, object]
    headers: dict[str, str]
    mark: bytes
    end: bytes


async def listen(question: Question) -> Heard:
    """Ask and listen to the end; a failure is noted in what is returned."""
    heard = Heard()
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await _listen(question, heard)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        heard.problem = type(error).__name__
    if not heard.problem and not (heard.ended and heard.pieces):
        heard.problem = "ended early"
    return heard


async def _listen(question: Question, heard: Heard) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", question.port)
    body = json.dumps(question.body).encode()
    headers = {
        "Host": f"127.0.0.1:{question.port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **question.headers,
    }
    lines = [f"POST {question.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    began = time.perf_counter()
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    try:
        status = await reader.readline()
        if b" 200 " not in status:
            heard.problem = status.decode("latin-1").strip()
            return
        while line := await reader.readline():
            if question.mark in line:
                heard.pieces.append(time.perf_counter() - began)
            elif question.end in line:
                heard.ended = True
                return
    finally:
        writer.close()


async def spread(questions: Sequence[Question], seconds: float) -> list[Heard]:
    """Ask all questions, begun evenly over `seconds`."""

    async def later(place: int, question: Question) -> Heard:
        await asyncio.sleep(seconds * place / len(questions))
        return await listen(question)

    return await asyncio.gather(*(later(place, one) for place, one in enumerate(questions)))


def share(values: Sequence[float], part: float) -> float:
    """Return the value below which `part` of all values lie."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]

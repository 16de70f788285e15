"""Measures asking: what the studio adds to the model's first word, and many answers at once.

The model is the stand-in server of the tests, in a process of its own; the studio is served
as a user serves it, and asked through its API.
"""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.knowledge_seed import SLUG, Words, seed
from bench.served import served
from bench.stream_client import Question, listen, share, spread
from clone_studio import PROJECT_ROOT

Row = dict[str, Any]

CHUNKS = 10_000
PIECES = 100
DELAY_MS = 20
SPREAD_SECONDS = 2.0
# First word p50 in milliseconds that each number of answers must reach.
CROWDS = {50: 400, 100: 1000}


def run(short: bool) -> list[Row]:
    """Return the rows of the chat part; a short run asks fewer questions one by one."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder, _model() as model:
        data = Path(folder)
        seed(data, CHUNKS)
        settings = {"STUDIO_LLM": "openai", "OPENAI_BASE_URL": model, "OPENAI_API_KEY": "bench"}
        with served(data, settings=settings) as studio, studio.client() as client:
            token = client.headers["Authorization"]
            asking = _Asking(studio.port, token, int(urlsplit(model).port or 0))
            return asyncio.run(asking.rows(20 if short else 60))


@contextmanager
def _model() -> Iterator[str]:
    """Run the stand-in model server; yields its base URL."""
    command = [sys.executable, "-m", "tests.servers.openai_server"]
    options = ["--delay-ms", str(DELAY_MS), "--pieces", str(PIECES)]
    process = subprocess.Popen(
        [*command, *options], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


class _Asking:
    """Asks the studio and the model itself the same questions."""

    def __init__(self, port: int, token: str, model_port: int) -> None:
        self._port = port
        self._token = token
        self._model_port = model_port
        self._words = Words(seed=11)

    def _studio(self, text: str) -> Question:
        return Question(
            self._port,
            f"/api/chat/{SLUG}",
            {"message": text},
            {"Authorization": self._token},
            mark=b"event: token",
            end=b"event: done",
        )

    def _bare(self, text: str) -> Question:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": text}]}
        path = "/v1/chat/completions"
        return Question(self._model_port, path, body, {}, mark=b'"delta": {"content', end=b"[DONE]")

    async def rows(self, rounds: int) -> list[Row]:
        """Measure everything."""
        found = await self._added(rounds)
        for count, target in CROWDS.items():
            found += await self._crowd(count, target)
        return found

    async def _added(self, rounds: int) -> list[Row]:
        for question in self._words.questions(3):
            await listen(self._studio(question))
        studio, bare = [], []
        for question in self._words.questions(rounds):
            studio.append((await listen(self._studio(question))).first)
            bare.append((await listen(self._bare(question))).first)
        floor = share(bare, 0.5)
        note = f"API, {CHUNKS:,} chunks, {rounds} questions one by one"
        return [
            _row("added to the first word, p50", studio, 0.5, floor, 30, "57 ms", note),
            _row("added to the first word, p95", studio, 0.95, floor, 60, "80 ms", note),
        ]

    async def _crowd(self, count: int, target: int) -> list[Row]:
        questions = [self._studio(text) for text in self._words.questions(count)]
        answers = await spread(questions, SPREAD_SECONDS)
        good = [one for one in answers if not one.problem]
        first = [one.first for one in good]
        gaps = [one.widest_gap for one in good]
        problems = ", ".join(sorted({one.problem for one in answers if one.problem}))
        note = f"API, begun over {SPREAD_SECONDS:.0f} s, {PIECES} pieces {DELAY_MS} ms apart"
        name = f"{count} answers at once"
        rows: list[Row] = [
            {
                "name": f"{name}, failures",
                "value": len(answers) - len(good),
                "unit": "",
                "target": 0,
                "peer": "22 of 150" if count == 50 else "",
                "note": problems or note,
            }
        ]
        if good:
            peer = "10,800 ms" if count == 50 else ""
            rows += [
                _row(f"{name}, first word p50", first, 0.5, 0.0, target, peer, note),
                _row(f"{name}, first word p95", first, 0.95, 0.0, None, "", note),
                _row(f"{name}, widest gap", gaps, 1.0, 0.0, 1000, "", note),
            ]
        return rows


def _row(
    name: str,
    seconds: list[float],
    part: float,
    floor: float,
    target: int | None,
    peer: str,
    note: str,
) -> Row:
    row: Row = {
        "name": name,
        "value": 1000 * (share(seconds, part) - floor),
        "unit": "ms",
        "target": target,
        "peer": peer,
        "note": note,
    }
    return row | ({"floor": f"{1000 * floor:.0f} ms"} if floor else {})

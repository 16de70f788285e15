"""Measures speech: what the studio adds to an engine's first byte, and the engine of this machine.

ElevenLabs is the stand-in server of the tests, in a process of its own, asked by the studio
through the vendor's SDK and by the bench directly, in turns.
"""

import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.data import DataMissing
from bench.served import Served, models_folder, served
from bench.stream_client import share
from clone_studio import PROJECT_ROOT
from clone_studio.providers.speech.local import LocalSpeech
from clone_studio.providers.speech.protocol import SpeechRequest
from tests.servers.elevenlabs_server import KEY
from tests.servers.hearing import seconds

Row = dict[str, Any]

FIRST_MS = 150
VOICE = "EXAVITQu4vr4xnSDxMaL"
SENTENCE = "This is sentence number {0} of a text that is read aloud, and it is not a short one. "
SHORT, LONG = 2, 20
LOCAL = "Tell me and I forget. Teach me and I remember. Involve me and I learn. "


def run(short: bool) -> list[Row]:
    """Return the rows; a short run asks fewer times."""
    rounds = 8 if short else 30
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder, _engine() as engine:
        settings = {
            "STUDIO_SPEECH": "elevenlabs",
            "ELEVENLABS_API_KEY": KEY,
            "ELEVENLABS_BASE_URL": engine,
        }
        with served(Path(folder), settings=settings) as studio:
            found = _remote(studio, engine, rounds)
    return found + asyncio.run(_local(2 if short else 5))


@contextmanager
def _engine() -> Iterator[str]:
    """Run the stand-in for ElevenLabs; yields its base URL."""
    command = [sys.executable, "-m", "tests.servers.elevenlabs_server"]
    process = subprocess.Popen(
        [*command, "--first-ms", str(FIRST_MS), "--delay-ms", "0"],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


def _remote(studio: Served, engine: str, rounds: int) -> list[Row]:
    with studio.client() as client, httpx.Client(base_url=engine, timeout=60) as bare:
        slug = client.post("/api/personas", json={"name": "Bench"}).json()["slug"]
        address = f"/api/personas/{slug}/voice/stream"
        direct = f"/v1/text-to-speech/{VOICE}/stream"
        key = {"xi-api-key": KEY}
        through: dict[int, list[float]] = {SHORT: [], LONG: []}
        floor: list[float] = []
        for number in range(rounds + 2):
            for length in (SHORT, LONG):
                text = "".join(SENTENCE.format(f"{number} {n}") for n in range(length))
                through[length].append(_first_byte(client, address, {"text": text}))
            floor.append(_first_byte(bare, direct, {"text": SENTENCE.format(number)}, key))
    # The first rounds open connections and import the SDK.
    base = share(floor[2:], 0.5)
    note = f"API, {rounds} texts of {SHORT} and of {LONG} sentences, engine takes {FIRST_MS} ms"
    both = through[SHORT][2:] + through[LONG][2:]
    return [
        _row("speech, added to the first byte, p50", both, 0.5, base, 50, note),
        _row("speech, added to the first byte, p95", both, 0.95, base, None, note),
        _row("speech, first byte of a long text, p50", through[LONG][2:], 0.5, 0.0, 400, note),
        _row("speech, first byte of a long text, p95", through[LONG][2:], 0.95, 0.0, 500, note),
    ]


def _first_byte(
    client: httpx.Client, address: str, body: dict[str, str], headers: dict[str, str] | None = None
) -> float:
    """Return the seconds to the first byte of audio; the rest is heard, too.

    A text that nobody hears to its end would go on being made while the next one is measured.
    """
    began = time.perf_counter()
    with client.stream("POST", address, json=body, headers=headers) as answer:
        answer.raise_for_status()
        pieces = answer.iter_raw()
        next(pieces)
        first = time.perf_counter() - began
        for _ in pieces:
            pass
        return first


async def _local(rounds: int) -> list[Row]:
    """Measure the engine of this machine: its first byte, and how much faster than speech."""
    engine = LocalSpeech(models_folder())
    if not engine.is_there:
        raise DataMissing("the speech model is not installed: ./studio models install speech")
    first: list[float] = []
    factors: list[float] = []
    cold = 0.0
    try:
        for number in range(rounds + 1):
            began, audio, heard = time.perf_counter(), b"", 0.0
            async for piece in engine.stream(SpeechRequest(LOCAL * 2, engine.default_voice_id)):
                heard = heard or time.perf_counter() - began
                audio += piece
            if number == 0:
                cold = heard
                continue
            first.append(heard)
            factors.append((time.perf_counter() - began) / seconds(audio))
    finally:
        await engine.close()
    note = f"Kokoro on this machine, {rounds} texts of {len(LOCAL * 2)} characters"
    return [
        _row("local speech, first byte, p50", first, 0.5, 0.0, None, note),
        _row("local speech, first byte, model not loaded", [cold], 0.5, 0.0, None, note),
        {
            "name": "local speech, seconds of work for a second of speech",
            "value": share(factors, 0.5),
            "unit": "",
            "target": 1.0,
            "note": note,
        },
    ]


def _row(
    name: str, values: list[float], part: float, floor: float, target: int | None, note: str
) -> Row:
    row: Row = {
        "name": name,
        "value": 1000 * (share(values, part) - floor),
        "unit": "ms",
        "target": target,
        "note": note,
    }
    return row | ({"floor": f"{1000 * floor:.0f} ms"} if floor else {})

"""A stand-in for ElevenLabs, good days and bad ones, over real HTTP: speech is a tone.

The tone's pitch comes from the voice and its length from the text, so that what is heard can be
told apart. Run it beside the studio: `python -m tests.servers.elevenlabs_server --port 9001`.
"""

import argparse
import asyncio
import hashlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import lameenc
import numpy as np

from tests.servers.http_loop import HttpLoop, Reply, Request

KEY = "sk_eleven_test"
RATE = 44_100
PIECE = 1600
SECONDS_A_CHARACTER = 0.06
VOICES: tuple[dict[str, Any], ...] = (
    {
        "voice_id": "EXAVITQu4vr4xnSDxMaL",
        "name": "Sarah",
        "category": "premade",
        "labels": {"gender": "female", "age": "young", "accent": "american", "language": "en"},
        "preview_url": None,
    },
    {
        "voice_id": "JBFqnCBsd6RMkjVDRZzb",
        "name": "George",
        "category": "premade",
        "labels": {"gender": "male", "age": "middle_aged", "accent": "british"},
    },
    {
        "voice_id": "pixie0000000000000001",
        "name": "Pixie",
        "category": "generated",
        "labels": {"use_case": "characters_animation", "gender": "female"},
    },
    {"voice_id": "nolabels0000000000001", "name": "Plain", "category": "cloned"},
)
FAILURES: dict[str, tuple[int, Any]] = {
    "401": (401, {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}),
    "quota": (401, {"detail": {"status": "quota_exceeded", "message": "0 credits remaining"}}),
    "402": (402, {"detail": {"code": "insufficient_credits", "message": "Pay"}}),
    "403": (403, {"detail": {"code": "tier", "message": "Your tier does not include it"}}),
    "404": (404, {"detail": {"code": "voice_not_found", "message": "A voice was not found"}}),
    "422": (422, {"detail": [{"loc": ["body", "text"], "msg": "too short", "type": "value"}]}),
    "429": (429, {"detail": {"code": "rate_limit_exceeded", "message": "Slow down"}}),
    "crowded": (429, {"detail": {"status": "too_many_concurrent_requests", "message": "Wait"}}),
    "500": (500, {"detail": "Internal Server Error"}),
}


@dataclass
class Behaviour:
    """How the next answers go; times in seconds.

    `mode` is normal, hang (no byte ever), stall (silent after half), cut (dropped after half),
    empty (no audio), repeat_422 or repeat_403 (an error that repeats the key it was sent) or a
    key of `FAILURES`. After `failures` bad answers all go well; below
    zero none ever does.
    """

    mode: str = "normal"
    first_delay: float = 0.0
    delay: float = 0.0
    failures: int = -1
    page_size: int = 100


@dataclass
class ElevenLabsServer:
    """The server, while `running`; `requests` holds every request that came.

    `first_bytes` are the moments, by `time.monotonic`, at which audio began to be sent.
    """

    behaviour: Behaviour = field(default_factory=Behaviour)
    requests: list[Request] = field(default_factory=list)
    closed_early: threading.Event = field(default_factory=threading.Event)
    most_at_once: int = 0
    first_bytes: list[float] = field(default_factory=list)
    _now: int = 0
    _port: int = 0

    @property
    def address(self) -> str:
        """What `ELEVENLABS_BASE_URL` has to be."""
        return f"http://127.0.0.1:{self._port}"

    @contextmanager
    def running(self, port: int = 0) -> Iterator["ElevenLabsServer"]:
        """Serve until the block ends."""
        loop = HttpLoop(self._answer)
        with loop.running(port):
            self._port = loop.port
            yield self

    def spoken(self) -> list[dict[str, Any]]:
        """Return the bodies of the texts that were to be spoken."""
        return [one.body for one in self.requests if "/text-to-speech/" in one.path]

    async def _answer(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        path = urlsplit(request.path).path
        sent = request.headers.get("xi-api-key")
        if self.behaviour.mode.startswith("repeat_"):
            detail = {"message": f"What you sent, {sent}, is wrong."}
            status = int(self.behaviour.mode.removeprefix("repeat_"))
            await reply.json(status, {"detail": detail})
        elif sent != KEY:
            await reply.json(*FAILURES["401"])
        elif path == "/v2/voices":
            await self._voices(parse_qs(urlsplit(request.path).query), reply)
        elif path == "/v1/user/subscription":
            await self._subscription(reply)
        elif path.startswith("/v1/text-to-speech/") and path.endswith("/stream"):
            await self._speak(path.split("/")[3], request, reply)
        else:
            await reply.json(404, {"detail": "Not Found"})

    async def _voices(self, query: dict[str, list[str]], reply: Reply) -> None:
        if await self._refused(reply):
            return
        start = int(query.get("next_page_token", ["0"])[0])
        end = start + min(self.behaviour.page_size, int(query["page_size"][0]))
        more = end < len(VOICES)
        await reply.json(
            200,
            {
                "voices": VOICES[start:end],
                "has_more": more,
                "total_count": len(VOICES),
                "next_page_token": str(end) if more else None,
            },
        )

    async def _subscription(self, reply: Reply) -> None:
        if await self._refused(reply):
            return
        told = {
            "tier": "creator",
            "character_count": 17_231,
            "character_limit": 100_000,
            "next_character_count_reset_unix": 1_798_761_600,
            "status": "active",
        }
        await reply.json(200, told)

    async def _speak(self, voice_id: str, request: Request, reply: Reply) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            if await self._refused(reply):
                return
            if voice_id not in {voice["voice_id"] for voice in VOICES}:
                await reply.json(*FAILURES["404"])
                return
            await self._stream(tone(voice_id, request.body["text"]), reply)
        except ConnectionError:
            self.closed_early.set()
            raise
        finally:
            self._now -= 1

    async def _refused(self, reply: Reply) -> bool:
        how = self.behaviour
        if how.mode == "hang":
            await reply.gone.wait()
            raise ConnectionResetError
        if how.mode not in FAILURES or how.failures == 0:
            return False
        how.failures -= 1
        await reply.json(*FAILURES[how.mode], retry_after="0.05")
        return True

    async def _stream(self, audio: bytes, reply: Reply) -> None:
        how = self.behaviour
        await asyncio.sleep(how.first_delay)
        reply.start("audio/mpeg", request_id="req-1", character_cost="1")
        pieces = [audio[at : at + PIECE] for at in range(0, len(audio), PIECE)]
        for number, piece in enumerate([] if how.mode == "empty" else pieces):
            if how.mode in {"cut", "stall"} and number == len(pieces) // 2:
                if how.mode == "cut":
                    reply.cut()
                    return
                await reply.gone.wait()
                raise ConnectionResetError
            if number == 0:
                self.first_bytes.append(time.monotonic())
            await reply.piece(piece)
            if how.delay:
                await asyncio.sleep(how.delay)
        await reply.end_events()


def tone(voice_id: str, text: str) -> bytes:
    """Return an MP3 whose pitch depends on the voice and whose length on the text."""
    pitch = 200 + 20 * (hashlib.sha256(voice_id.encode()).digest()[0] % 40)
    seconds = max(0.4, SECONDS_A_CHARACTER * len(text))
    times = np.arange(int(RATE * seconds)) / RATE
    samples = (0.5 * 32767 * np.sin(2 * np.pi * pitch * times)).astype("<i2")
    encoder: Any = lameenc.Encoder()
    encoder.silence()
    encoder.set_bit_rate(128)
    encoder.set_in_sample_rate(RATE)
    encoder.set_channels(1)
    encoder.set_quality(7)
    return bytes(encoder.encode(samples.tobytes())) + bytes(encoder.flush())


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--first-ms", type=float, default=150.0, help="before the first byte")
    parser.add_argument("--delay-ms", type=float, default=10.0, help="between two pieces")
    parser.add_argument("--mode", default="normal")
    options = parser.parse_args()
    how = Behaviour(options.mode, options.first_ms / 1000, options.delay_ms / 1000)
    with ElevenLabsServer(how).running(options.port) as server:
        sys.stdout.write(f"{server.address}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()

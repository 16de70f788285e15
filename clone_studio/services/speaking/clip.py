"""One piece of speech that grows: made once, heard by any number, from any byte on."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Literal

from clone_studio.errors import StudioError
from clone_studio.providers.speech.protocol import VoiceSettings

ClipState = Literal["waiting", "making", "ready", "failed"]


@dataclass(frozen=True)
class Wanted:
    """What is to be heard, and how; two clips of the same are one.

    `message_id` names a message whose text is read, else `text` is.
    """

    user_id: str
    persona_id: str
    voice_id: str
    settings: VoiceSettings
    engine: str
    model: str
    language: str = ""
    message_id: str = ""
    text: str = ""

    def packed(self) -> bytes:
        """Return it as other processes read it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, value: bytes) -> "Wanted":
        """Return what `packed` made.

        Raises:
            ValueError: It is something else.
        """
        found = json.loads(value)
        try:
            return cls(**{**found, "settings": VoiceSettings(**found["settings"])})
        except (TypeError, KeyError) as error:
            raise ValueError("no clip") from error


@dataclass(frozen=True)
class ClipStatus:
    """How a clip stands; `notice` says what is other than wished, `problem` why it ended."""

    state: ClipState
    bytes: int
    voice_id: str
    notice: str = ""
    problem: str = ""
    first_audio_ms: float | None = None
    characters: int = 0


class Clip:
    """The audio so far, and those who wait for more. Belongs to one event loop.

    Args:
        clip_id: Its address.
        wanted: What it says.
    """

    def __init__(self, clip_id: str, wanted: Wanted) -> None:
        self.id = clip_id
        self.wanted = wanted
        self.state: ClipState = "waiting"
        self.audio = bytearray()
        # What was said to its end: so many sentences, which took so many bytes.
        self.said = 0
        self.said_bytes = 0
        self.voice_id = wanted.voice_id
        self.notice = ""
        self.error: StudioError | None = None
        self.characters = 0
        self.readers = 0
        self.used = time.monotonic()
        self.first_audio_ms: float | None = None
        self.task: asyncio.Task[None] | None = None
        self._began = 0.0
        self._news = asyncio.Event()

    def begin(self) -> None:
        """Mark it as being made, from what was said so far."""
        self.state, self.error = "making", None
        self._began = time.monotonic()

    def add(self, piece: bytes) -> None:
        """Take audio from the engine."""
        if not self.audio:
            self.first_audio_ms = (time.monotonic() - self._began) * 1000
        self.audio += piece
        self._tell()

    def finish_part(self, sentences: int, characters: int) -> None:
        """Mark what was said of the text so far as whole."""
        self.said, self.said_bytes = self.said + sentences, len(self.audio)
        self.characters += characters

    def end(self, error: StudioError | None = None) -> None:
        """Mark it as whole, or as broken off by `error`."""
        self.state, self.error = ("failed" if error else "ready"), error
        self._tell()

    def give_up(self) -> None:
        """Nobody listens: keep what is whole, so that it goes on there when somebody does."""
        del self.audio[self.said_bytes :]
        self.state = "waiting"
        self._tell()

    async def has_audio(self) -> None:
        """Wait until there is something to hear.

        Raises:
            StudioError: What ended it before that.
        """
        with self._listening():
            while not self.audio and self.state == "making":
                await self._changed()
        if not self.audio and self.error is not None:
            raise self.error

    async def read(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the audio from byte `start` up to `end`, waiting for what is still to come."""
        with self._listening():
            while True:
                stop = len(self.audio) if end is None else min(end, len(self.audio))
                if start < stop:
                    piece, start = bytes(self.audio[start:stop]), stop
                    yield piece
                elif self.state != "making" or (end is not None and start >= end):
                    return
                else:
                    await self._changed()

    def status(self) -> ClipStatus:
        """Return how it stands."""
        return ClipStatus(
            state=self.state,
            bytes=len(self.audio),
            voice_id=self.voice_id,
            notice=self.notice,
            problem=self.error.detail if self.error else "",
            first_audio_ms=self.first_audio_ms,
            characters=self.characters,
        )

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Count one more who listens, or waits for the first sound."""
        self.readers += 1
        try:
            yield
        finally:
            self.readers -= 1
            self.used = time.monotonic()

    async def _changed(self) -> None:
        await self._news.wait()

    def _tell(self) -> None:
        """Wake those who wait; who comes later waits for the next news."""
        self._news.set()
        self._news = asyncio.Event()


def without_tag(piece: bytes, left: int) -> tuple[bytes, int]:
    """Return `piece` without an ID3v2 tag at the beginning of a part, and how much of it is left.

    Parts of one clip come from separate requests, and a tag in the middle of a stream is noise
    to a player.

    Args:
        piece: The next bytes.
        left: Bytes of the tag that are still to be left out; -1 at the beginning of a part.
    """
    if left < 0:
        is_tag = len(piece) >= 10 and piece.startswith(b"ID3")
        sizes = piece[6:10] if is_tag else b""
        # Seven bits a byte; the header's own ten bytes are not counted.
        left = sum(size << shift for size, shift in zip(sizes, (21, 14, 7, 0), strict=False))
        left += 10 if is_tag else 0
    cut = min(left, len(piece))
    return piece[cut:], left - cut

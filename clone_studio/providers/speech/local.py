"""Speech on this machine, with no key: Kokoro-82M in a child process of low priority.

The child is started by the first request, stays for a while after the last one, and speaks one
request after the other: two at once would only make both late on a small machine.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal

from clone_studio.errors import (
    InvalidInput,
    ProviderDown,
    ProviderInterrupted,
    ProviderRefused,
    VoiceMissing,
)
from clone_studio.providers.processes import frames
from clone_studio.providers.processes.child import Child
from clone_studio.providers.speech import kokoro
from clone_studio.providers.speech.protocol import (
    Allowance,
    SpeechRequest,
    Voice,
    VoiceGroup,
)

logger = logging.getLogger(__name__)

WORKER = "clone_studio.providers.speech.local_worker"
DEFAULT_VOICE = "af_sarah"
LONGEST_TEXT = 5000
IDLE_SECONDS = 300.0
# The model is read from disk by then, or something is wrong; one piece takes a few seconds.
ANSWER_SECONDS = 60.0
SLOWEST, FASTEST = 0.7, 1.2
ACCENTS = {"a": "American", "b": "British"}
CHARACTERS = {"am_santa", "bm_fable"}


class LocalSpeech:
    """Kokoro behind the Protocol of speech engines. Belongs to one event loop.

    Args:
        models_dir: Folder that holds one sub-folder a model.
        default_voice: Voice of clones whose own is not here; None takes Sarah's twin.
        idle_seconds: How long the child waits for more work before it ends.
    """

    kind: Literal["local"] = "local"
    default_model = kokoro.NAME
    longest_text = LONGEST_TEXT
    adjustable = frozenset({"speed"})

    def __init__(
        self,
        models_dir: Path,
        *,
        default_voice: str | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._folder = models_dir / kokoro.NAME
        self._default_voice = default_voice
        self._idle_seconds = idle_seconds
        self._child: Child | None = None
        self._numbers = count(1)
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    @property
    def is_there(self) -> bool:
        """Whether the model was fetched."""
        return kokoro.is_there(self._folder)

    @property
    def default_voice_id(self) -> str:
        """The voice of clones whose own voice is not here."""
        known = kokoro.voice_ids(self._folder)
        chosen = self._default_voice
        return chosen if chosen is not None and chosen in known else DEFAULT_VOICE

    async def stream(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """Stream MP3 of 24 kHz, one channel.

        Raises:
            InvalidInput: There is no text, or too much.
            ModelMissing: The model has not been fetched.
            VoiceMissing: There is no such voice.
            ProviderInterrupted: The child ended after audio had begun.
            ProviderDown: The child ended before that, three times.
            ProviderRefused: The model cannot read the text.
        """
        if not request.text.strip() or len(request.text) > LONGEST_TEXT:
            raise InvalidInput(f"A text to be spoken has 1 to {LONGEST_TEXT:,} characters.")
        if not self.is_there:
            raise kokoro.missing()
        if request.voice_id not in kokoro.voice_ids(self._folder):
            raise VoiceMissing(f"The local speech model has no voice “{request.voice_id[:40]}”.")
        async with self._turn:
            self._stay()
            try:
                for attempt in (1, 2, 3):
                    try:
                        async for piece in self._spoken(request):
                            yield piece
                        return
                    except ProviderDown:
                        if attempt == 3:
                            raise
            finally:
                self._end_when_idle()

    async def _spoken(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        number, child = next(self._numbers), await asyncio.to_thread(self._running)
        speed = min(FASTEST, max(SLOWEST, request.settings.speed))
        wanted = {"id": number, "text": request.text, "voice": request.voice_id, "speed": speed}
        has_begun = is_over = False
        try:
            with suppress(OSError):
                frames.write(child.requests, wanted)
            while True:
                answer = await self._answer(child)
                if answer is None:
                    is_over = True
                    # Its pipe ends a moment before it does; the next try must not meet it.
                    await asyncio.to_thread(self._end)
                    raise _broken(has_begun)
                header, body = answer
                if header["id"] != number:
                    # The rest of a request that was given up.
                    continue
                if header["kind"] != "audio":
                    is_over = True
                    if header["kind"] == "failed":
                        logger.warning("the speech model failed on a text: %s", header["why"])
                        raise _unspeakable()
                    return
                has_begun = has_begun or bool(body)
                if body:
                    yield body
        finally:
            if not is_over:
                with suppress(OSError):
                    frames.write(child.requests, {"stop": number})

    async def _answer(self, child: Child) -> tuple[dict[str, Any], bytes] | None:
        """Return the child's next message, None when it has ended or takes too long."""
        loop = asyncio.get_running_loop()
        watchdog = loop.call_later(ANSWER_SECONDS, child.kill)
        try:
            return await asyncio.to_thread(frames.read, child.answers)
        except (OSError, ValueError, frames.BrokenFrame):
            return None
        finally:
            watchdog.cancel()

    async def voices(self) -> tuple[Voice, ...]:
        """Return the voices that are here, by name."""
        if not self.is_there:
            raise kokoro.missing()
        made = (_voice(voice_id) for voice_id in kokoro.voice_ids(self._folder))
        return tuple(sorted(made, key=lambda voice: voice.name))

    async def allowance(self) -> Allowance | None:
        """Return None: nobody counts what is spoken here."""
        return None

    async def check(self) -> str:
        """Return one sentence saying that the model is there, or raise `ModelMissing`."""
        if not self.is_there:
            raise kokoro.missing()
        number = len(kokoro.voice_ids(self._folder))
        return f"The local speech model {kokoro.NAME} is on this machine, with {number} voices."

    async def close(self) -> None:
        """End the child process."""
        self._stay()
        self._end()

    def _running(self) -> Child:
        if self._child is None or not self._child.is_alive:
            self._end()
            self._child = Child(WORKER, str(self._folder), str(os.cpu_count() or 1))
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _end_when_idle(self) -> None:
        self._stay()
        self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._end)


def _broken(has_begun: bool) -> ProviderDown | ProviderInterrupted:
    if has_begun:
        return ProviderInterrupted("The local speech model ended in the middle of a sentence.")
    return ProviderDown(
        "The local speech model ended unexpectedly, perhaps because memory is short. Close other "
        "programs, then try again."
    )


def _unspeakable() -> ProviderRefused:
    return ProviderRefused(
        "The local speech model cannot read this text aloud. The text is complete; other texts "
        "can be heard.",
        code="speech_text",
    )


def _voice(voice_id: str) -> Voice:
    """Return what the id tells: accent and gender, then the name."""
    accent = ACCENTS.get(voice_id[0], "")
    gender = "female" if voice_id[1] == "f" else "male"
    group: VoiceGroup = "female" if gender == "female" else "male"
    return Voice(
        id=voice_id,
        name=voice_id[3:].title(),
        group="character" if voice_id in CHARACTERS else group,
        category="local",
        gender=gender,
        accent=accent,
        language="English",
        description=f"{accent} English",
    )

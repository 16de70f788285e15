"""Saying sentences one after the other into a clip, by the voice that is there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from clone_studio.errors import ProviderError, ProviderInterrupted, StudioError, VoiceMissing
from clone_studio.providers.speech.protocol import SpeechEngine, SpeechRequest
from clone_studio.services.speaking.clip import Clip, without_tag
from clone_studio.services.speech_usage import SpeechUsageService

# The first request is one sentence, so that something is heard early; later ones are several,
# which sound better together and make fewer requests.
PART_CHARS = 400
SHORT_CHARS = 25
AROUND_CHARS = 300


@dataclass
class _Queue:
    """Sentences that are known and not said, filled while others are being said."""

    sentences: list[str] = field(default_factory=list)
    ended: bool = False
    error: BaseException | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def fill(self, texts: AsyncIterator[list[str]], skip: int) -> None:
        """Take everything from `texts` but the first `skip` sentences."""
        try:
            async for found in texts:
                fresh, skip = found[skip:], max(0, skip - len(found))
                self.sentences += fresh
                self.news.set()
        except StudioError as error:
            self.error = error
        finally:
            self.ended = True
            self.news.set()

    async def part(self, *, first: bool) -> list[str]:
        """Return the sentences that are said next, none at the end."""
        while not self.sentences and not self.ended:
            self.news.clear()
            await self.news.wait()
        taken: list[str] = []
        while self.sentences and _fits(taken, self.sentences[0], first=first):
            taken.append(self.sentences.pop(0))
        if not taken and self.error is not None:
            raise self.error
        return taken


def _fits(taken: list[str], sentence: str, *, first: bool) -> bool:
    length = sum(map(len, taken))
    if not taken:
        return True
    if first:
        return length < SHORT_CHARS
    return length + len(sentence) <= PART_CHARS


class Saying:
    """One making of a clip.

    Args:
        clip: Takes the audio.
        engine: Speaks.
        spare: Gives another engine where this one cannot speak, None where there is none.
        usage: Counts what was spoken.
        chosen: Whether the clip's voice was chosen by somebody; a stand-in is told then.
    """

    def __init__(
        self,
        clip: Clip,
        engine: SpeechEngine,
        *,
        spare: Callable[[], SpeechEngine | None],
        usage: SpeechUsageService,
        chosen: bool,
    ) -> None:
        self._clip = clip
        self._engine = engine
        self._spare = spare
        self._usage = usage
        self._chosen = chosen
        self._before = ""
        self._is_spare = False

    async def run(self, texts: AsyncIterator[list[str]]) -> None:
        """Say all sentences but those that the clip has already.

        Raises:
            StudioError: It broke off; what was said stays, and the next run goes on after it.
        """
        queue = _Queue()
        filling = asyncio.create_task(queue.fill(texts, self._clip.said))
        try:
            while part := await queue.part(first=not self._clip.audio):
                await self._say(part, queue.sentences[:1])
        finally:
            filling.cancel()
            with suppress(asyncio.CancelledError):
                await filling

    async def _say(self, part: list[str], following: list[str]) -> None:
        clip, text = self._clip, " ".join(part)
        try:
            await self._with_stand_ins(text, following)
        except ProviderInterrupted:
            # Half of it was heard: the next run goes on behind it and does not repeat it.
            clip.finish_part(len(part), len(text))
            raise
        clip.finish_part(len(part), len(text))
        self._before = text[-AROUND_CHARS:]
        if not clip.wanted.persona_id:
            # A voice that introduces itself belongs to no clone.
            return
        await self._usage.note(
            clip.wanted.persona_id,
            len(text),
            engine=self._engine.kind,
            model=self._engine.default_model,
            voice_id=clip.voice_id,
        )

    async def _with_stand_ins(self, text: str, following: list[str]) -> None:
        """Say a text by the clip's voice, else the engine's own, else the spare engine's."""
        while True:
            try:
                await self._stream(text, following)
                return
            except ProviderInterrupted:
                raise
            except ProviderError as error:
                if not self._found_stand_in(error):
                    raise

    def _found_stand_in(self, error: ProviderError) -> bool:
        """Hand the text on to the next who may speak it, and say so; False where nobody is left."""
        clip, own = self._clip, self._engine.default_voice_id
        if isinstance(error, VoiceMissing) and clip.voice_id != own:
            clip.voice_id = own
            if self._chosen:
                clip.notice = f"{error.detail} Another voice speaks until then."
            return True
        spare = None if clip.audio or self._is_spare else self._spare()
        if spare is None:
            return False
        self._engine, self._is_spare, clip.voice_id = spare, True, spare.default_voice_id
        clip.notice = f"{error.detail} A voice of this machine speaks instead."
        return True

    async def _stream(self, text: str, following: list[str]) -> None:
        clip = self._clip
        request = SpeechRequest(
            text,
            clip.voice_id,
            clip.wanted.settings,
            previous_text=self._before,
            next_text=" ".join(following)[:AROUND_CHARS],
        )
        tag_left = -1
        async with aclosing(self._engine.stream(request)) as pieces:
            async for piece in pieces:
                sound, tag_left = without_tag(piece, tag_left)
                if sound:
                    clip.add(sound)

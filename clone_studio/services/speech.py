"""Hearing a clone: answers and texts as audio, made once and streamed while they are made.

The audio of an answer begins before the answer is complete: its sentences are spoken as they
appear, each exactly once. Clips live in memory for a while and nowhere else.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from clone_studio.db import Database
from clone_studio.errors import InvalidInput, NotFound, StudioError
from clone_studio.models import Conversation, Persona
from clone_studio.models.personas import DEFAULT_VOICE_ID
from clone_studio.providers.cache.protocol import Cache, shared_only
from clone_studio.providers.speech.protocol import SpeechEngine, VoiceSettings
from clone_studio.services.chat import ChatService
from clone_studio.services.conversations import ConversationService
from clone_studio.services.personas import persona_row
from clone_studio.services.slugs import is_uuid
from clone_studio.services.speaking.clip import Clip, ClipStatus, Wanted
from clone_studio.services.speaking.sayable import Sayable
from clone_studio.services.speaking.saying import Saying
from clone_studio.services.speech_usage import SpeechUsageService
from clone_studio.services.switching import held_speech

logger = logging.getLogger(__name__)

KEPT_BYTES = 64 * 1024 * 1024
KEPT_SECONDS = 3600.0
MOST_CLIPS = 1000
# A browser may close its connection and open another one at once.
LONELY_SECONDS = 2.0
LONGEST_TEXT = 5000
# A voice says this when it is tried, about three seconds of it.
SAMPLE = "Hello, this is how I sound. Ask me anything."
OF_VOICE = "voice-"
SILENT = "There is nothing in this text that can be said aloud: it is code, marks or addresses."
GONE = "This audio is not kept any more. Play the text again."


class SpeechService:
    """Turns text into clips.

    Args:
        database: Knows the clones' voices.
        engine: Speaks.
        spare: Gives an engine to speak with where the first cannot; None where there is none.
        chat: Follows answers that still grow.
        conversations: Finds messages, as their owner's only.
        usage: Counts what is spoken.
        default_voice_id: Tells the voice of clones for which none was chosen.
        cache: Tells other processes what a clip of a text says: its audio is asked for by its id
            alone, wherever that request arrives.
        lonely_seconds: How long a clip is made on when nobody listens any more.
    """

    def __init__(
        self,
        database: Database,
        *,
        engine: SpeechEngine,
        spare: Callable[[], SpeechEngine | None],
        chat: ChatService,
        conversations: ConversationService,
        usage: SpeechUsageService,
        default_voice_id: Callable[[], str],
        cache: Cache | None = None,
        lonely_seconds: float = LONELY_SECONDS,
    ) -> None:
        self._shared = shared_only(cache)
        self._database = database
        self._engine = engine
        self._spare = spare
        self._chat = chat
        self._conversations = conversations
        self._usage = usage
        self._default_voice_id = default_voice_id
        self._lonely_seconds = lonely_seconds
        self._clips: OrderedDict[str, Clip] = OrderedDict()

    async def clip_of_text(
        self,
        user_id: str,
        ref: str,
        text: str,
        voice_id: str | None = None,
        settings: VoiceSettings | None = None,
    ) -> str:
        """Return the id of the clip of a text; it is made when it is first heard.

        Args:
            user_id: Who wants to hear it.
            ref: A clone of theirs, slug or id.
            text: What is said; Markdown is left out.
            voice_id: Another voice than the clone's, on trial.
            settings: Other settings than the clone's, on trial.

        Raises:
            InvalidInput: The text is empty or too long.
            NotFound: There is no such clone of this user.
        """
        if not text.strip() or len(text) > LONGEST_TEXT:
            raise InvalidInput(
                f"A text to be heard has 1 to {LONGEST_TEXT:,} characters.", field="text"
            )

        def find() -> Wanted:
            with self._database.read() as session:
                persona = persona_row(session, user_id, ref)
                wanted = self._wanted(user_id, persona, voice_id, settings, text=text)
            if self._shared is not None:
                self._shared.set(f"clip:{_id_of(wanted)}", wanted.packed(), KEPT_SECONDS)
            return wanted

        return self._kept(await asyncio.to_thread(find)).id

    def clip_of_sample(self, user_id: str, voice_id: str, text: str) -> str:
        """Return the id of the clip in which a voice says a short text; belongs to no clone."""
        return self._kept(replace(self._sample(user_id, voice_id), text=text)).id

    async def open(self, user_id: str, clip_id: str, ref: str | None = None) -> Clip:
        """Return a clip that is being made, or is whole: of a message, a voice or a text.

        A clip that broke off goes on at the next sentence.

        Args:
            user_id: Who wants to hear it.
            clip_id: The id of a message, `sample_of` a voice, or `clip_of_text`.
            ref: Only a message of a thread with this clone.

        Raises:
            NotFound: There is no such message or clip of this user.
        """
        clip = await self._find(user_id, clip_id, ref)
        if clip.state in {"waiting", "failed"}:
            clip.begin()
            clip.task = asyncio.create_task(self._make(clip))
        return clip

    async def status(self, user_id: str, clip_id: str) -> ClipStatus:
        """Return how a clip stands; asking does not begin it.

        Raises:
            NotFound: There is no such message or clip of this user.
        """
        return (await self._find(user_id, clip_id, None)).status()

    def forget(self, persona_id: str) -> int:
        """Erase what is kept of a clone's audio; returns how many clips."""
        mine = [key for key, clip in self._clips.items() if clip.wanted.persona_id == persona_id]
        for key in mine:
            _cancel(self._clips.pop(key))
        return len(mine)

    async def close(self) -> None:
        """End what is being made."""
        tasks = [clip.task for clip in self._clips.values() if clip.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._clips.clear()

    async def _find(self, user_id: str, clip_id: str, ref: str | None) -> Clip:
        if clip_id.startswith(OF_VOICE):
            return self._kept(self._sample(user_id, clip_id.removeprefix(OF_VOICE)[:80]))
        if is_uuid(clip_id):
            return self._kept(await asyncio.to_thread(self._of_message, user_id, clip_id, ref))
        clip = self._clips.get(clip_id) or await asyncio.to_thread(self._of_elsewhere, clip_id)
        if clip is None or clip.wanted.user_id != user_id:
            raise NotFound(GONE)
        clip = self._clips.setdefault(clip_id, clip)
        self._clips.move_to_end(clip_id)
        await asyncio.to_thread(self._require_clone, clip.wanted)
        return clip

    def _of_elsewhere(self, clip_id: str) -> Clip | None:
        """Return the clip of a text that another process was given, None where there is none."""
        value = self._shared.get(f"clip:{clip_id[:80]}") if self._shared is not None else None
        if value is None:
            return None
        try:
            wanted = Wanted.unpacked(value)
        except ValueError:
            return None
        return Clip(clip_id, wanted) if _id_of(wanted) == clip_id else None

    def _require_clone(self, wanted: Wanted) -> None:
        """A clone that was deleted is not heard any more; a voice alone belongs to none."""
        if not wanted.persona_id:
            return
        with self._database.read() as session:
            persona_row(session, wanted.user_id, wanted.persona_id)

    def _of_message(self, user_id: str, message_id: str, ref: str | None) -> Wanted:
        message = self._conversations.message_for(user_id, message_id, ref)
        if message.role != "assistant":
            raise NotFound("Only answers can be heard.")
        with self._database.read() as session:
            thread = session.get(Conversation, message.thread_id)
            persona = session.get(Persona, thread.persona_id) if thread else None
            if persona is None:
                raise NotFound("There is no such message here. It may have been deleted.")
            return self._wanted(user_id, persona, None, None, message_id=message_id)

    def _wanted(
        self,
        user_id: str,
        persona: Persona,
        voice_id: str | None,
        settings: VoiceSettings | None,
        **what: str,
    ) -> Wanted:
        return Wanted(
            user_id=user_id,
            persona_id=persona.id,
            voice_id=voice_id or self._voice_of(persona),
            settings=settings or settings_of(persona.voice_settings),
            engine=self._engine.kind,
            model=self._engine.default_model,
            language=persona.language,
            **what,
        )

    def _voice_of(self, persona: Persona) -> str:
        has_own = persona.voice_id not in {"", DEFAULT_VOICE_ID}
        return persona.voice_id if has_own else self._default_voice_id()

    def _sample(self, user_id: str, voice_id: str) -> Wanted:
        return Wanted(
            user_id=user_id,
            persona_id="",
            voice_id=voice_id,
            settings=VoiceSettings(),
            engine=self._engine.kind,
            model=self._engine.default_model,
            text=SAMPLE,
        )

    def _kept(self, wanted: Wanted) -> Clip:
        """Return the clip of `wanted`, a new one when there is none; old ones are dropped."""
        clip_id = _id_of(wanted)
        clip = self._clips.setdefault(clip_id, Clip(clip_id, wanted))
        self._clips.move_to_end(clip_id)
        self._drop_old(clip)
        return clip

    def _drop_old(self, newest: Clip) -> None:
        total = sum(len(clip.audio) for clip in self._clips.values())
        for key, clip in list(self._clips.items()):
            idle = time.monotonic() - clip.used
            full = total > KEPT_BYTES or len(self._clips) > MOST_CLIPS
            if clip is newest or clip.readers or not (full or idle > KEPT_SECONDS):
                continue
            total -= len(clip.audio)
            _cancel(self._clips.pop(key))

    async def _make(self, clip: Clip) -> None:
        """Say what is wanted, from where it broke off; gives up when nobody listens."""
        watch = asyncio.create_task(self._lonely(clip, asyncio.current_task()))
        try:
            async with held_speech(self._engine) as engine:
                saying = Saying(
                    clip,
                    engine,
                    spare=self._spare,
                    usage=self._usage,
                    chosen=clip.wanted.voice_id != self._default_voice_id(),
                )
                await saying.run(self._texts(clip.wanted))
            clip.end(None if clip.audio else InvalidInput(SILENT))
        except asyncio.CancelledError:
            clip.give_up()
            raise
        except StudioError as error:
            logger.info("Speech ended: %s", error.detail)
            clip.end(error)
        except Exception:
            logger.exception("Speech of clip %s failed", clip.id)
            clip.end(StudioError("Speech failed. The text is complete; try again in a moment."))
        finally:
            watch.cancel()

    async def _lonely(self, clip: Clip, maker: "asyncio.Task[None] | None") -> None:
        """End the making of a clip that nobody has listened to for a while."""
        alone = 0.0
        step = self._lonely_seconds / 5
        while alone < self._lonely_seconds:
            await asyncio.sleep(step)
            alone = 0.0 if clip.readers else alone + step
        if maker is not None:
            maker.cancel()

    async def _texts(self, wanted: Wanted) -> AsyncIterator[list[str]]:
        """Yield sentences as they are known; a growing answer gives them bit by bit."""
        sayable = Sayable()
        if not wanted.message_id:
            yield sayable.take(wanted.text, ended=True)
            return
        text = ""
        async for event in self._chat.attach(wanted.user_id, wanted.message_id):
            if event["event"] == "restart":
                # What was heard was heard: speech goes on at the same place of the new text.
                text = ""
            if event["event"] == "token":
                text += event["text"]
                if found := sayable.take(text):
                    yield found
        yield sayable.take(text, ended=True)


def sample_of(voice_id: str) -> str:
    """Return the id of the clip in which a voice introduces itself."""
    return OF_VOICE + voice_id


def settings_of(stored: Mapping[str, Any]) -> VoiceSettings:
    """Return the voice settings that a clone's row holds; what is missing is the default."""
    names = VoiceSettings.__dataclass_fields__
    return VoiceSettings(**{name: stored[name] for name in names if name in stored})


def _id_of(wanted: Wanted) -> str:
    return "t" + hashlib.sha256(repr(wanted).encode()).hexdigest()[:40]


def _cancel(clip: Clip) -> None:
    if clip.task is not None:
        clip.task.cancel()

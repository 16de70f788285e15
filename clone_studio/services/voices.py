"""The voices that can be chosen, and the voice of a clone."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from clone_studio.errors import NotFound, StudioError
from clone_studio.models.personas import DEFAULT_VOICE_ID
from clone_studio.providers.cache.protocol import Cache, shared_only
from clone_studio.providers.speech.protocol import (
    Allowance,
    SpeechEngine,
    Voice,
    VoiceGroup,
    VoiceSettings,
)
from clone_studio.services.personas import PersonaInfo, PersonaService
from clone_studio.services.speech import settings_of
from clone_studio.services.speech_usage import SpeechUsageService, Spoken

KEPT_SECONDS = 600.0
GROUPS: tuple[VoiceGroup, ...] = ("female", "male", "child", "character", "other")


@dataclass(frozen=True)
class ClonesVoice:
    """Who speaks for a clone; `instead` says why it is not the chosen voice, empty if it is."""

    voice: Voice
    settings: VoiceSettings
    instead: str = ""


@dataclass(frozen=True)
class VoiceUsage:
    """What a clone has spoken, and what the account at the engine has left, None if uncounted."""

    spoken: Spoken
    allowance: Allowance | None


class VoiceService:
    """Lists voices and gives them to clones.

    Args:
        engine: Whose voices they are.
        personas: Keeps the choice, as the clone's owner only.
        usage: Counts what was spoken.
        default_voice_id: Tells the voice of clones for which none was chosen.
        cache: Keeps the list for all processes; None keeps it here only.
        account: Tells apart whose voices the engine has now.
        clock: Seconds, for tests.
    """

    def __init__(
        self,
        engine: SpeechEngine,
        *,
        personas: PersonaService,
        usage: SpeechUsageService,
        default_voice_id: Callable[[], str],
        cache: Cache | None = None,
        account: Callable[[], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._personas = personas
        self._usage = usage
        self._default_voice_id = default_voice_id
        self._shared = shared_only(cache)
        self._account = account
        self._clock = clock
        self._kept: tuple[Voice, ...] = ()
        self._kept_for = ""
        self._kept_at = 0.0

    async def listing(self, *, again: bool = False) -> tuple[Voice, ...]:
        """Return every voice of the engine in use, by name; kept for ten minutes.

        Args:
            again: Ask the engine anew.

        Raises:
            ProviderError: The list cannot be had.
        """
        key = f"voices:{self._engine.kind} {self._account()}"
        if not again:
            # Another process may have asked anew since this one did.
            found = await self._from_shared(key)
            old = self._clock() - self._kept_at >= KEPT_SECONDS or self._kept_for != key
            if found or (self._kept and not old):
                return found or self._kept
        found = await self._engine.voices()
        self._kept, self._kept_for, self._kept_at = found, key, self._clock()
        if self._shared is not None:
            await asyncio.to_thread(self._shared.set, key, _packed(found), KEPT_SECONDS)
        return found

    async def _from_shared(self, key: str) -> tuple[Voice, ...]:
        """Return the list that all processes share, empty where there is none."""
        if self._shared is None:
            return ()
        return _unpacked(await asyncio.to_thread(self._shared.get, key))

    async def of(self, user_id: str, ref: str) -> ClonesVoice:
        """Return who speaks for a clone.

        Raises:
            NotFound: There is no such clone of this user.
            ProviderError: The engine does not tell its voices.
        """
        persona = await asyncio.to_thread(self._personas.get_for, user_id, ref)
        known = {voice.id: voice for voice in await self.listing()}
        wanted = persona.voice_id
        if wanted in {"", DEFAULT_VOICE_ID}:
            wanted = self._default_voice_id()
        if wanted in known:
            return ClonesVoice(known[wanted], settings_of(persona.voice_settings))
        stand_in = known.get(self._engine.default_voice_id)
        words = _instead(persona, stand_in)
        return ClonesVoice(
            stand_in or Voice(wanted, "No voice"), settings_of(persona.voice_settings), words
        )

    async def choose(self, user_id: str, ref: str, voice_id: str) -> ClonesVoice:
        """Give a clone another voice; it speaks from the next answer on.

        Raises:
            NotFound: There is no such clone of this user, or the engine has no such voice.
            ProviderError: The engine does not tell its voices.
        """
        found = next((one for one in await self.listing() if one.id == voice_id), None)
        if found is None:
            raise NotFound("There is no such voice here. It may have been removed.")
        changes = {"voice_id": found.id, "voice_name": found.name[:120]}
        await asyncio.to_thread(self._personas.update, user_id, ref, changes)
        return await self.of(user_id, ref)

    async def adjust(self, user_id: str, ref: str, changes: Mapping[str, Any]) -> VoiceSettings:
        """Change how a clone's voice speaks; an empty mapping takes everything back.

        Raises:
            NotFound: There is no such clone of this user.
            InvalidInput: A value out of its bounds.
        """
        persona = await asyncio.to_thread(self._personas.get_for, user_id, ref)
        whole = asdict(settings_of(persona.voice_settings)) | dict(changes) if changes else {}
        changed = await asyncio.to_thread(
            self._personas.update, user_id, ref, {"voice_settings": whole}
        )
        return settings_of(changed.voice_settings)

    async def usage(self, user_id: str, ref: str) -> VoiceUsage:
        """Return what a clone has spoken and what is left.

        Raises:
            NotFound: There is no such clone of this user.
        """
        spoken = await asyncio.to_thread(self._usage.of, user_id, ref)
        try:
            return VoiceUsage(spoken, await self._engine.allowance())
        except StudioError:
            # What was spoken here is known without the engine.
            return VoiceUsage(spoken, None)


def matching(voices: tuple[Voice, ...], search: str = "", group: str = "") -> tuple[Voice, ...]:
    """Return the voices of a group that have all words of `search` in what is known of them."""
    words = search.lower().split()

    def fits(voice: Voice) -> bool:
        known = (voice.name, voice.gender, voice.age, voice.accent, voice.language)
        text = " ".join((*known, voice.category, voice.description, voice.group)).lower()
        return (not group or voice.group == group) and all(word in text for word in words)

    return tuple(voice for voice in voices if fits(voice))


def _packed(voices: tuple[Voice, ...]) -> bytes:
    return json.dumps([asdict(voice) for voice in voices]).encode()


def _unpacked(packed: bytes | None) -> tuple[Voice, ...]:
    """Return the voices in these bytes, none where another version has written them."""
    try:
        return tuple(Voice(**fields) for fields in json.loads(packed or b"[]"))
    except (ValueError, TypeError):
        return ()


def _instead(persona: PersonaInfo, stand_in: Voice | None) -> str:
    """Return the sentence about a voice that is not there and who speaks until another is chosen.

    Empty where none was chosen and the studio's own speaks.
    """
    is_own = persona.voice_id in {"", DEFAULT_VOICE_ID}
    if is_own and stand_in is not None:
        return ""
    name = f"“{persona.voice_name}”" if persona.voice_name else "The chosen voice"
    name = "The voice of clones that have none" if is_own else name
    absent = f"{name} is not among the voices of the present engine. Choose another one."
    return f"{absent} {stand_in.name} speaks until then." if stand_in is not None else absent

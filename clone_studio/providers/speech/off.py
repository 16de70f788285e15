"""The speech engines of a studio that does not speak: switched off, or with a lost key."""

from collections.abc import AsyncGenerator
from typing import Literal

from clone_studio.errors import ProviderRefused
from clone_studio.providers.speech.protocol import Allowance, SpeechRequest, Voice

SENTENCE = (
    "Speech is switched off. Set STUDIO_SPEECH to local or elevenlabs to hear answers; the text "
    "is complete without it."
)


class _Silent:
    """Refuses every request.

    Args:
        reason: Why, and what to do.
        code: Machine name of the reason.
    """

    default_model = ""
    default_voice_id = ""
    longest_text = 0
    adjustable: frozenset[str] = frozenset()

    def __init__(self, reason: str, code: str) -> None:
        self._refusal = ProviderRefused(reason, code=code)

    async def stream(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """Refuse."""
        raise self._refusal
        yield b""

    async def allowance(self) -> Allowance | None:
        """Return None: nothing is spoken."""
        return None

    async def close(self) -> None:
        """Nothing is open."""


class NoSpeech(_Silent):
    """Speech that is switched off: a choice and no fault."""

    kind: Literal["off"] = "off"

    def __init__(self) -> None:
        super().__init__(SENTENCE, "speech_off")

    async def voices(self) -> tuple[Voice, ...]:
        """Return none."""
        return ()

    async def check(self) -> str:
        """Say that speech is off."""
        return "Speech is switched off."


class UnusableSpeech(_Silent):
    """ElevenLabs of a studio whose stored key cannot be read.

    Args:
        reason: Why, and what to do.
    """

    kind: Literal["elevenlabs"] = "elevenlabs"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "provider_key")

    async def voices(self) -> tuple[Voice, ...]:
        """Raise `ProviderRefused`."""
        raise self._refusal

    async def check(self) -> str:
        """Raise `ProviderRefused`."""
        raise self._refusal

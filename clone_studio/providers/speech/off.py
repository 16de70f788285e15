"""The speech engine of a studio that does not speak."""

from collections.abc import AsyncGenerator
from typing import Literal

from clone_studio.errors import ProviderRefused
from clone_studio.providers.speech.protocol import Allowance, SpeechRequest, Voice

SENTENCE = (
    "Speech is switched off. Set STUDIO_SPEECH to local or elevenlabs to hear answers; the text "
    "is complete without it."
)


class NoSpeech:
    """Refuses every request with the sentence that says how to switch speech on."""

    kind: Literal["off"] = "off"
    default_model = ""
    default_voice_id = ""
    longest_text = 0
    adjustable: frozenset[str] = frozenset()

    async def stream(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """Refuse."""
        raise ProviderRefused(SENTENCE, code="speech_off")
        yield b""

    async def voices(self) -> tuple[Voice, ...]:
        """Return none."""
        return ()

    async def allowance(self) -> Allowance | None:
        """Return None: nothing is spoken."""
        return None

    async def check(self) -> str:
        """Say that speech is off; that is a choice and no fault."""
        return "Speech is switched off."

    async def close(self) -> None:
        """Nothing is open."""

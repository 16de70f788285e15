"""What the studio asks of a speech engine."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

VoiceGroup = Literal["female", "male", "child", "character", "other"]


@dataclass(frozen=True)
class VoiceSettings:
    """How a voice speaks, on the scales that are stored and sent.

    `stability`, `similarity` and `style` lie between 0.0 and 1.0, `speed` between 0.7 and 1.2.
    An engine ignores what it cannot do; `SpeechEngine.adjustable` names what it can.
    """

    stability: float = 0.5
    similarity: float = 0.75
    style: float = 0.0
    speed: float = 1.0
    speaker_boost: bool = True


@dataclass(frozen=True)
class Voice:
    """A voice that can be chosen; what the engine does not tell is empty."""

    id: str
    name: str
    group: VoiceGroup = "other"
    category: str = ""
    gender: str = ""
    age: str = ""
    accent: str = ""
    language: str = ""
    description: str = ""
    preview_url: str = ""


@dataclass(frozen=True)
class SpeechRequest:
    """One text to be spoken, already free of Markdown and citation marks.

    `previous_text` and `next_text` are what is spoken around it, for the melody.
    """

    text: str
    voice_id: str
    settings: VoiceSettings = field(default_factory=VoiceSettings)
    model: str = ""
    language: str = ""
    previous_text: str = ""
    next_text: str = ""


@dataclass(frozen=True)
class Allowance:
    """What the account at the engine has spoken and may speak, in characters."""

    used: int
    limit: int
    resets_at: datetime | None = None


class SpeechEngine(Protocol):
    """Turns text into MP3. Closing the generator ends the work behind it."""

    @property
    def kind(self) -> Literal["elevenlabs", "local", "off"]:
        """Which implementation this is."""
        ...

    @property
    def default_model(self) -> str:
        """Name of the model that speaks where a request names none."""
        ...

    @property
    def default_voice_id(self) -> str:
        """The voice of clones whose own voice this engine does not have."""
        ...

    @property
    def longest_text(self) -> int:
        """How many characters one request may hold."""
        ...

    @property
    def adjustable(self) -> frozenset[str]:
        """Names of the `VoiceSettings` that make a difference here."""
        ...

    def stream(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """Stream the audio as MP3, pieces as the engine makes them; each is cut anywhere.

        Tries three times with growing pauses while nothing has arrived.

        Raises:
            VoiceMissing: The engine has no such voice.
            ProviderInterrupted: The stream broke after audio had begun.
            ProviderError: Any other failure, with a sentence for the user.
        """
        ...

    async def voices(self) -> tuple[Voice, ...]:
        """Return the voices that can be chosen, by name.

        Raises:
            ProviderError: The list cannot be had.
        """
        ...

    async def allowance(self) -> Allowance | None:
        """Return the account's characters, None where nothing is counted."""
        ...

    async def check(self) -> str:
        """Return one sentence saying that speech works, or raise `ProviderError`."""
        ...

    async def close(self) -> None:
        """Give back what is held: connections, child processes."""
        ...

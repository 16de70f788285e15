"""The JSON shapes of speech."""

from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from clone_studio.api.schema import Shape
from clone_studio.services.speaking.clip import ClipState
from clone_studio.services.speech import LONGEST_TEXT


class SpeechText(Shape):
    """A text to be spoken, or an answer by its `messageId`; `voiceId` is another voice on trial."""

    text: str = Field("", max_length=LONGEST_TEXT)
    message_id: str = Field("", max_length=64)
    voice_id: str = Field("", max_length=80)

    @model_validator(mode="after")
    def _one_of_both(self) -> "SpeechText":
        if bool(self.text.strip()) == bool(self.message_id):
            raise ValueError("give either a text or a messageId")
        return self


class Clip(Shape):
    """How a clip stands; `notice` says what is other than wished, `problem` what ended it."""

    state: ClipState
    bytes: int
    voice_id: str
    notice: str
    problem: str
    first_audio_ms: float | None
    characters: int


class Voice(Shape):
    """A voice that can be chosen; what the engine does not tell is empty."""

    id: str
    name: str
    group: str
    category: str
    gender: str
    age: str
    accent: str
    language: str
    description: str
    preview_url: str


class Voices(Shape):
    """Voices, by name."""

    voices: list[Voice]


class VoiceQuery(Shape):
    """Which voices: of a group, with all these words in what is known of them."""

    search: str = Field("", max_length=100)
    group: Literal["", "female", "male", "child", "character", "other"] = ""


class Sample(Shape):
    """A voice to try; without `sampleText` it introduces itself."""

    voice_id: str = Field(min_length=1, max_length=80)
    sample_text: str = Field("", max_length=300)


class Usage(Shape):
    """Characters spoken: by the clone this month and today, and what the account has left.

    `charactersRemaining` and `resetDate` are null where nothing is counted.
    """

    characters_used: int
    characters_today: int
    characters_remaining: int | None
    reset_date: datetime | None

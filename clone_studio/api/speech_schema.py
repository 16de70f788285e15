"""The JSON shapes of speech."""

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

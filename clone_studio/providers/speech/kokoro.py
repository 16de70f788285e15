"""Kokoro-82M by onnxruntime: English text to 24 kHz audio, piece by piece.

The phonemes are made by hibari's port of misaki, the library the model was trained with. A
voice is a table of 510 style vectors, one for each number of phonemes, as in the model's own
code (hexgrad/Kokoro-82M).
"""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clone_studio.errors import ModelMissing, VoiceMissing

NAME = "kokoro-82m"
RATE = 24_000
STYLE = 256
MOST_PHONEMES = 400
# The first piece is short so that something is heard early; later ones are whole sentences,
# which sound better.
FIRST_CHARS = 60
LEAST_CHARS = 12
# Seconds of silence after a piece, by its last character.
PAUSES = {",": 0.08, ";": 0.15, ":": 0.15, "—": 0.12}
SENTENCE_PAUSE = 0.28
EDGE = int(0.03 * RATE)
QUIET = 0.01

Audio = NDArray[np.float32]
_SENTENCE = re.compile(r"(?<=[.!?…])[\"”’)\]]*\s+|\n+")
_CLAUSE = re.compile(r"(?<=[,;:—])\s+")
# The reader of numbers knows words up to decillions; nobody follows so long a one anyway.
_LONG_NUMBER = re.compile(r"\d{16,}")


class Kokoro:
    """The model, loaded. Not safe for use by several threads at once.

    Args:
        folder: Holds the model's files.
        threads: How many processor cores it may use.

    Raises:
        ModelMissing: A file is not there or cannot be loaded.
    """

    def __init__(self, folder: Path, *, threads: int) -> None:
        if not is_there(folder):
            raise missing()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # The library raises classes of its own that share no base but Exception.
            raise missing() from error
        self._vocabulary: dict[str, int] = json.loads((folder / "vocab.json").read_text("utf-8"))[
            "vocab"
        ]
        self._folder = folder
        self._styles: dict[str, Audio] = {}

    def speak(self, text: str, voice: str, speed: float) -> Iterator[Audio]:
        """Yield the audio of `text`, float32 between -1 and 1, in pieces as they are made.

        Raises:
            VoiceMissing: There is no such voice.
        """
        style = self._style(voice)
        for piece in pieces(_LONG_NUMBER.sub(lambda digits: " ".join(digits[0]), text)):
            phonemes: str = self._phonemes(voice)(piece)
            for part in _portions(phonemes):
                if (audio := self._audio(part, style, speed)) is not None:
                    yield audio
            yield np.zeros(int(PAUSES.get(piece[-1], SENTENCE_PAUSE) / speed * RATE), np.float32)

    def _audio(self, phonemes: str, style: Audio, speed: float) -> Audio | None:
        tokens = [self._vocabulary[one] for one in phonemes if one in self._vocabulary]
        if not tokens:
            return None
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style[min(len(tokens), len(style)) - 1].reshape(1, STYLE),
            "speed": np.array([speed], np.float32),
        }
        return _trimmed(np.asarray(self._session.run(None, inputs)[0], np.float32).ravel())

    def _style(self, voice: str) -> Audio:
        if voice not in self._styles:
            path = self._folder / "voices" / f"{voice}.bin"
            if voice not in voice_ids(self._folder):
                raise VoiceMissing(f"The local speech model has no voice “{voice[:40]}”.")
            self._styles[voice] = np.fromfile(path, "<f4").reshape(-1, STYLE)
        return self._styles[voice]

    def _phonemes(self, voice: str) -> Any:
        return self._british if voice.startswith("b") else self._american

    @cached_property
    def _american(self) -> Any:
        from hibari.g2p import G2P

        return G2P()

    @cached_property
    def _british(self) -> Any:
        from hibari.g2p import G2P

        return G2P(british=True)


def is_there(folder: Path) -> bool:
    """Say whether the model's files are in `folder`; their sums were checked on arrival."""
    return all((folder / name).is_file() for name in ("model.onnx", "vocab.json")) and bool(
        voice_ids(folder)
    )


def voice_ids(folder: Path) -> list[str]:
    """Return the voices that are there, in alphabetical order."""
    return sorted(path.stem for path in (folder / "voices").glob("*.bin"))


def missing() -> ModelMissing:
    """Return the error of a model that is not there."""
    return ModelMissing(
        f"The local speech model {NAME} is not on this machine yet. Fetch it with "
        "`./studio models install speech`; until then answers are text only."
    )


def pieces(text: str) -> list[str]:
    """Cut text into what is spoken at once: a short beginning, then whole sentences."""
    sentences = [one.strip() for one in _SENTENCE.split(text) if one and one.strip()]
    if not sentences or len(sentences[0]) <= FIRST_CHARS:
        return sentences
    first = sentences[0]
    for cut in _CLAUSE.finditer(first):
        if LEAST_CHARS <= cut.start() <= FIRST_CHARS:
            return [first[: cut.start()], first[cut.end() :], *sentences[1:]]
    return sentences


def _portions(phonemes: str) -> Iterator[str]:
    """Cut phonemes at clauses, and where there are none at words: the model takes so many."""
    while len(phonemes) > MOST_PHONEMES:
        cuts = [cut.start() for cut in _CLAUSE.finditer(phonemes, 1, MOST_PHONEMES)]
        space = phonemes.rfind(" ", 1, MOST_PHONEMES)
        cut = cuts[-1] if cuts else space if space > 0 else MOST_PHONEMES
        yield phonemes[:cut]
        phonemes = phonemes[cut:].lstrip()
    if phonemes:
        yield phonemes


def _trimmed(audio: Audio) -> Audio:
    """Cut the model's own silence off both ends; the pauses are ours."""
    loud = np.flatnonzero(np.abs(audio) > QUIET)
    if not len(loud):
        return audio
    return audio[max(0, loud[0] - EDGE) : loud[-1] + EDGE]

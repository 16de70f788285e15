"""The speech engine of this machine with its real model, which the launcher fetches for tests."""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from clone_studio.errors import InvalidInput, ModelMissing, ProviderRefused, VoiceMissing
from clone_studio.providers.speech.local import LocalSpeech
from clone_studio.providers.speech.off import NoSpeech
from clone_studio.providers.speech.protocol import SpeechRequest, VoiceSettings
from tests.servers.hearing import heard, loudness, seconds

PROJECT = Path(__file__).resolve().parents[2]
MODELS = Path(os.environ.get("STUDIO_MODELS_DIR") or PROJECT / ".data" / "models")
TEXT = "Tell me and I forget. Teach me and I remember."


@pytest.fixture
async def engine() -> AsyncIterator[LocalSpeech]:
    made = LocalSpeech(MODELS)
    yield made
    await made.close()


async def spoken(
    engine: LocalSpeech, text: str = TEXT, voice: str = "af_sarah", speed: float = 1.0
) -> list[bytes]:
    request = SpeechRequest(text, voice, VoiceSettings(speed=speed))
    return [piece async for piece in engine.stream(request)]


async def test_two_voices_are_heard_and_differ(engine: LocalSpeech) -> None:
    sarah = b"".join(await spoken(engine, voice="af_sarah"))
    george = b"".join(await spoken(engine, voice="bm_george"))
    for audio in (sarah, george):
        assert loudness(audio) > 0.02
        assert 1.5 < seconds(audio) < 8
    a, b = (np.abs(np.fft.rfft(heard(audio)[0], 2**17)) for audio in (sarah, george))
    assert np.corrcoef(a, b)[0, 1] < 0.9


async def test_speech_comes_in_pieces_and_may_be_given_up(engine: LocalSpeech) -> None:
    async with aclosing(engine.stream(SpeechRequest(TEXT * 3, "af_heart"))) as pieces:
        first = await anext(pieces)
    assert first
    # What was given up does not get into the next answer.
    short = b"".join(await spoken(engine, "Yes."))
    assert 0.2 < seconds(short) < 2.5


async def test_speed_is_heard(engine: LocalSpeech) -> None:
    slow = b"".join(await spoken(engine, "Teach me and I remember.", speed=0.7))
    quick = b"".join(await spoken(engine, "Teach me and I remember.", speed=1.2))
    assert seconds(slow) > 1.3 * seconds(quick)


async def test_a_child_that_died_is_replaced(engine: LocalSpeech) -> None:
    await spoken(engine, "One.")
    assert engine._child is not None
    engine._child.kill()
    assert loudness(b"".join(await spoken(engine, "Two."))) > 0.02


async def test_odd_texts_are_no_errors(engine: LocalSpeech) -> None:
    for odd in ("日本語", "…", "ﷺ 🙂", "a" * 60, "1" * 34):
        assert isinstance(b"".join(await spoken(engine, odd)), bytes)


async def test_voices_come_in_groups(engine: LocalSpeech) -> None:
    voices = await engine.voices()
    assert len(voices) >= 20
    assert {voice.group for voice in voices} == {"female", "male", "character"}
    assert [voice.name for voice in voices] == sorted(voice.name for voice in voices)
    assert engine.default_voice_id == "af_sarah"
    assert f"{len(voices)} voices" in await engine.check()


async def test_what_cannot_be_spoken_is_refused(engine: LocalSpeech) -> None:
    for text in ("", "  ", "x" * 5001):
        with pytest.raises(InvalidInput):
            await spoken(engine, text)
    with pytest.raises(VoiceMissing):
        await spoken(engine, voice="../../etc/passwd")


async def test_without_the_model_a_sentence_says_how_to_fetch_it(tmp_path: Path) -> None:
    engine = LocalSpeech(tmp_path)
    with pytest.raises(ModelMissing, match="models install speech"):
        await spoken(engine)
    with pytest.raises(ModelMissing):
        await engine.voices()
    await engine.close()


async def test_speech_that_is_off_says_so() -> None:
    engine = NoSpeech()
    assert (await engine.voices(), await engine.allowance()) == ((), None)
    with pytest.raises(ProviderRefused, match="STUDIO_SPEECH"):
        _ = [piece async for piece in engine.stream(SpeechRequest(TEXT, "x"))]

"""ElevenLabs through its own SDK, against a server that has good days and bad ones."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest
from pydantic import SecretStr

from clone_studio.errors import (
    InvalidInput,
    ProviderDown,
    ProviderError,
    ProviderInterrupted,
    ProviderQuota,
    ProviderRefused,
    ProviderTimeout,
    VoiceMissing,
)
from clone_studio.providers.speech.elevenlabs import ElevenLabsSpeech
from clone_studio.providers.speech.protocol import SpeechRequest, VoiceSettings
from clone_studio.settings import Settings
from tests.servers.elevenlabs_server import KEY, ElevenLabsServer, tone

SARAH = "EXAVITQu4vr4xnSDxMaL"
TEXT = "Eat not to dullness; drink not to elevation."


@pytest.fixture
def server() -> Iterator[ElevenLabsServer]:
    with ElevenLabsServer().running() as running:
        yield running


def engine_of(server: ElevenLabsServer, **values: object) -> ElevenLabsSpeech:
    given = {
        "elevenlabs_api_key": SecretStr(KEY),
        "elevenlabs_base_url": server.address,
        "speech_timeout_seconds": 0.6,
    }
    return ElevenLabsSpeech(Settings(_env_file=None, **{**given, **values}))


@pytest.fixture
async def engine(server: ElevenLabsServer) -> AsyncIterator[ElevenLabsSpeech]:
    made = engine_of(server)
    yield made
    await made.close()


async def heard(engine: ElevenLabsSpeech, request: SpeechRequest | None = None) -> bytes:
    found = [piece async for piece in engine.stream(request or SpeechRequest(TEXT, SARAH))]
    return b"".join(found)


async def test_every_byte_arrives_and_the_settings_are_sent(
    engine: ElevenLabsSpeech, server: ElevenLabsServer
) -> None:
    settings = VoiceSettings(stability=0.3, similarity=2.0, style=-1, speed=9, speaker_boost=False)
    request = SpeechRequest(TEXT, SARAH, settings, previous_text="Before.", next_text="After.")
    assert await heard(engine, request) == tone(SARAH, TEXT)
    (body,) = server.spoken()
    assert body["model_id"] == "eleven_flash_v2_5"
    assert (body["text"], body["previous_text"], body["next_text"]) == (TEXT, "Before.", "After.")
    assert body["voice_settings"] == {
        "stability": 0.3,
        "similarity_boost": 1.0,
        "style": 0.0,
        "speed": 1.2,
        "use_speaker_boost": False,
    }
    assert "output_format=mp3_44100_128" in server.requests[0].path


async def test_the_first_piece_does_not_wait_for_the_rest(
    engine: ElevenLabsSpeech, server: ElevenLabsServer
) -> None:
    server.behaviour.mode = "stall"
    async with aclosing(engine.stream(SpeechRequest(TEXT * 3, SARAH))) as pieces:
        assert len(await anext(pieces)) > 0
    assert await asyncio.to_thread(server.closed_early.wait, 5)


@pytest.mark.parametrize(
    ("mode", "expected", "words", "tries"),
    [
        ("401", ProviderRefused, "ELEVENLABS_API_KEY", 1),
        ("quota", ProviderQuota, "no characters left", 1),
        ("402", ProviderQuota, "no characters left", 1),
        ("403", ProviderRefused, "does not include it", 1),
        ("404", VoiceMissing, "does not have this voice", 1),
        ("422", ProviderRefused, "too short", 1),
        ("429", ProviderDown, "busy", 3),
        ("crowded", ProviderDown, "as many texts as the plan allows", 3),
        ("500", ProviderDown, "status 500", 3),
        ("empty", ProviderDown, "no audio", 3),
        ("hang", ProviderTimeout, "in time", 3),
    ],
)
async def test_each_failure_has_its_sentence(
    engine: ElevenLabsSpeech,
    server: ElevenLabsServer,
    mode: str,
    expected: type[ProviderError],
    words: str,
    tries: int,
) -> None:
    server.behaviour.mode = mode
    with pytest.raises(expected, match=words) as raised:
        await heard(engine)
    assert KEY not in raised.value.detail
    assert len(server.spoken()) == tries


@pytest.mark.parametrize("mode", ["repeat_422", "repeat_403"])
async def test_a_key_that_the_server_repeats_is_not_told(
    engine: ElevenLabsSpeech, server: ElevenLabsServer, mode: str
) -> None:
    server.behaviour.mode = mode
    for act in (heard(engine), engine.voices(), engine.check()):
        with pytest.raises(ProviderRefused, match="is wrong") as raised:
            await act
        assert KEY not in raised.value.detail


async def test_a_failure_that_passes_is_not_noticed(
    engine: ElevenLabsSpeech, server: ElevenLabsServer
) -> None:
    server.behaviour.mode, server.behaviour.failures = "429", 2
    assert await heard(engine) == tone(SARAH, TEXT)
    assert len(server.spoken()) == 3


@pytest.mark.parametrize("mode", ["cut", "stall"])
async def test_a_stream_that_breaks_is_not_begun_again(
    engine: ElevenLabsSpeech, server: ElevenLabsServer, mode: str
) -> None:
    server.behaviour.mode = mode
    arrived = 0
    with pytest.raises(ProviderInterrupted):
        async for piece in engine.stream(SpeechRequest(TEXT * 2, SARAH)):
            arrived += len(piece)
    assert arrived > 0
    assert len(server.spoken()) == 1


async def test_nobody_listens_on_that_address() -> None:
    with ElevenLabsServer().running() as server:
        gone = engine_of(server)
    with pytest.raises(ProviderDown, match="cannot be reached"):
        await heard(gone)
    await gone.close()


async def test_only_so_many_are_sent_at_once(server: ElevenLabsServer) -> None:
    engine = engine_of(server, speech_concurrency=2, speech_timeout_seconds=20)
    server.behaviour.first_delay = 0.02
    answers = await asyncio.gather(*(heard(engine) for _ in range(8)))
    assert {len(audio) for audio in answers} == {len(tone(SARAH, TEXT))}
    assert server.most_at_once == 2
    await engine.close()


async def test_voices_come_from_all_pages_in_groups(
    engine: ElevenLabsSpeech, server: ElevenLabsServer
) -> None:
    server.behaviour.page_size = 2
    found = {voice.name: voice for voice in await engine.voices()}
    assert list(found) == ["George", "Pixie", "Plain", "Sarah"]
    groups = {name: voice.group for name, voice in found.items()}
    assert groups == {"George": "male", "Pixie": "character", "Plain": "other", "Sarah": "female"}
    assert found["George"].age == "middle aged"


async def test_the_account_is_told_in_words(engine: ElevenLabsSpeech) -> None:
    allowance = await engine.allowance()
    assert allowance is not None
    assert (allowance.used, allowance.limit) == (17_231, 100_000)
    assert allowance.resets_at is not None
    assert allowance.resets_at.year == 2027
    assert await engine.check() == "ElevenLabs answers: 82,769 of 100,000 characters are left."


async def test_a_wrong_key_and_none(server: ElevenLabsServer) -> None:
    for key in (SecretStr("sk_wrong"), None):
        engine = engine_of(server, elevenlabs_api_key=key)
        with pytest.raises(ProviderRefused, match="ELEVENLABS_API_KEY"):
            await heard(engine)
        await engine.close()


@pytest.mark.parametrize("voice_id", ["../../v1/user", "../user?a=", "x#", "a/b", "a b", "", "é"])
async def test_a_voice_that_would_be_another_address_is_not_asked_for(
    engine: ElevenLabsSpeech, server: ElevenLabsServer, voice_id: str
) -> None:
    with pytest.raises(VoiceMissing):
        await heard(engine, SpeechRequest(TEXT, voice_id))
    assert server.requests == []


@pytest.mark.parametrize("text", ["", "   ", "x" * 40_001])
async def test_a_text_out_of_bounds_is_not_sent(
    engine: ElevenLabsSpeech, server: ElevenLabsServer, text: str
) -> None:
    with pytest.raises(InvalidInput):
        await heard(engine, SpeechRequest(text, SARAH))
    assert server.requests == []


async def test_a_model_that_takes_less_is_sent_less(server: ElevenLabsServer) -> None:
    engine = engine_of(server, speech_model="eleven_v3")
    await heard(engine, SpeechRequest(TEXT, SARAH, previous_text="Before."))
    (body,) = server.spoken()
    assert set(body["voice_settings"]) == {"stability", "similarity_boost"}
    assert body.get("previous_text") is None
    assert (engine.adjustable, engine.longest_text) == (
        {"stability", "similarity", "speaker_boost"},
        5000,
    )
    await engine.close()

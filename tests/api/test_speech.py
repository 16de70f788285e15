"""The routes of speech: audio that is sent while it is made, ranges, errors, and whose it is."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from clone_studio import bootstrap
from clone_studio.errors import ProviderQuota
from clone_studio.settings import Settings
from tests.api.test_chat import client_for
from tests.chat_world import OWNER, STRANGER, PacedModel, World, build_world
from tests.services.test_speech import Parrot

HELLO = b"<ben:Hello there.>"


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
async def world(settings: Settings, parrot: Parrot) -> AsyncIterator[World]:
    made = build_world(settings, PacedModel(), speech_engine=parrot)
    bootstrap.override(made.services)
    yield made
    bootstrap.override(None)
    await made.services.speech.close()
    await made.chat.close()
    made.services.database.dispose()


@pytest.fixture
async def owner(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(world, OWNER) as client:
        yield client


async def clip_of(world: World, text: str = "Hello there.") -> str:
    return "/api/speech/" + await world.services.speech.clip_of_text(OWNER, "ben", text, "ben")


async def test_a_text_is_spoken(owner: httpx.AsyncClient, parrot: Parrot) -> None:
    wanted = {"text": "Hello **there**.", "voiceId": "ben"}
    answer = await owner.post("/api/personas/ben/voice/stream", json=wanted)
    assert (answer.status_code, answer.content) == (200, HELLO)
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["cache-control"].startswith("no-store")


async def test_an_answer_is_spoken_by_its_id(world: World, owner: httpx.AsyncClient) -> None:
    model = world.services.llm
    assert isinstance(model, PacedModel)
    model.say("All is well.")
    model.finish()
    message = await world.answer("How are you?")
    heard = await owner.get(f"/api/speech/{message.id}")
    assert heard.content.endswith(b":All is well.>")
    by_route = await owner.post("/api/personas/ben/voice/stream", json={"messageId": message.id})
    assert by_route.content == heard.content
    other = await owner.post("/api/personas", json={"name": "Ann"})
    elsewhere = await owner.post(
        f"/api/personas/{other.json()['slug']}/voice/stream", json={"messageId": message.id}
    )
    assert elsewhere.status_code == 404


async def test_a_whole_clip_answers_byte_ranges(world: World, owner: httpx.AsyncClient) -> None:
    address = await clip_of(world)
    whole = await owner.get(address)
    assert whole.content == HELLO
    again = await owner.get(address)
    assert (again.content, again.headers["content-length"]) == (HELLO, str(len(HELLO)))
    part = await owner.get(address, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"ben")
    assert part.headers["content-range"] == f"bytes 1-3/{len(HELLO)}"
    rest = await owner.get(address, headers={"Range": "bytes=5-"})
    assert rest.content == HELLO[5:]
    beyond = await owner.get(address, headers={"Range": "bytes=999-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(HELLO)}")
    odd = await owner.get(address, headers={"Range": "lines=1"})
    assert (odd.status_code, odd.content) == (200, HELLO)
    saved = await owner.get(address, params={"download": "true"})
    assert saved.headers["content-disposition"].startswith("attachment")


async def test_what_cannot_be_spoken_is_told_before_any_audio(
    world: World, owner: httpx.AsyncClient, parrot: Parrot
) -> None:
    parrot.failures = [ProviderQuota("No characters left.")]
    address = await clip_of(world)
    answer = await owner.get(address)
    assert (answer.status_code, answer.json()["detail"]) == (402, "No characters left.")
    status = (await owner.get(f"{address}/status")).json()
    assert (status["state"], status["problem"]) == ("failed", "No characters left.")
    assert (await owner.get(address)).content == HELLO
    status = (await owner.get(f"{address}/status")).json()
    assert (status["state"], status["bytes"], status["problem"]) == ("ready", len(HELLO), "")
    assert status["firstAudioMs"] >= 0


@pytest.mark.parametrize(
    "body",
    [{}, {"text": " "}, {"text": "x" * 5001}, {"text": "a", "messageId": "b"}, {"text": 5}],
)
async def test_bad_requests_are_told_what_is_wrong(
    owner: httpx.AsyncClient, body: dict[str, object]
) -> None:
    answer = await owner.post("/api/personas/ben/voice/stream", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_speech_is_its_owners_alone(world: World, owner: httpx.AsyncClient) -> None:
    address = await clip_of(world)
    async with client_for(world, STRANGER) as stranger, client_for(world, None) as nobody:
        for path in (address, f"{address}/status", "/api/speech/t1"):
            assert (await stranger.get(path)).status_code == 404
            assert (await nobody.get(path)).status_code == 401
        route, body = "/api/personas/ben/voice/stream", {"text": "Hello."}
        assert (await stranger.post(route, json=body)).status_code == 404
        assert (await nobody.post(route, json=body)).status_code == 401
    assert (await owner.get(address)).status_code == 200


async def test_audio_is_sent_while_it_is_made(
    world: World, owner: httpx.AsyncClient, parrot: Parrot
) -> None:
    speech = world.services.speech
    first = "This is quite a long first sentence."
    address = await clip_of(world, f"{first} This is the second.")
    clip = await speech.open(OWNER, address.rpartition("/")[2])
    await clip.has_audio()
    heard = clip.read()
    assert (await anext(heard)).startswith(b"<ben:")
    rest = b"".join([piece async for piece in heard])
    assert rest.endswith(b"<ben:This is the second.>")
    await asyncio.gather(*([clip.task] if clip.task else []))

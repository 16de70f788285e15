"""The routes of voices: the list, a sample, what was spoken, and a clone's own voice."""

from collections.abc import AsyncIterator

import httpx
import pytest

from clone_studio import bootstrap
from clone_studio.settings import Settings
from tests.api.test_chat import client_for
from tests.chat_world import OWNER, STRANGER, PacedModel, World, build_world
from tests.services.test_voices import Choir


@pytest.fixture
def choir() -> Choir:
    return Choir()


@pytest.fixture
async def world(settings: Settings, choir: Choir) -> AsyncIterator[World]:
    made = build_world(settings, PacedModel(), speech_engine=choir)
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


async def test_voices_are_listed_and_filtered(owner: httpx.AsyncClient, choir: Choir) -> None:
    found = (await owner.get("/api/voices")).json()["voices"]
    assert [one["name"] for one in found] == ["Ann", "Bob", "Polly"]
    assert found[0].keys() >= {"id", "category", "gender", "age", "accent", "previewUrl"}
    found = (await owner.get("/api/voices", params={"group": "male"})).json()["voices"]
    assert [one["id"] for one in found] == ["bob"]
    found = (await owner.get("/api/voices", params={"search": "british"})).json()["voices"]
    assert [one["id"] for one in found] == ["ann"]
    assert (await owner.get("/api/voices", params={"group": "robot"})).status_code == 422
    choir.down, choir.kind = True, "local"
    answer = await owner.get("/api/voices")
    assert (answer.status_code, answer.json()["detail"]) == (503, "It cannot be reached.")


async def test_a_voice_can_be_tried(owner: httpx.AsyncClient) -> None:
    usual = await owner.post("/api/voices/preview", json={"voiceId": "ann"})
    assert usual.content.startswith(b"<ann:Hello, this is how I sound.")
    own = {"voiceId": "ann", "sampleText": "Good *day*."}
    assert (await owner.post("/api/voices/preview", json=own)).content == b"<ann:Good day.>"
    same = await owner.get("/api/speech/voice-ann")
    assert same.content == usual.content
    for body in ({}, {"voiceId": ""}, {"voiceId": "a", "sampleText": "x" * 301}):
        assert (await owner.post("/api/voices/preview", json=body)).status_code == 422


async def test_a_clone_is_given_a_voice(owner: httpx.AsyncClient, choir: Choir) -> None:
    changes = {"voiceId": "bob", "voiceSettings": {"stability": 0.2, "speakerBoost": False}}
    changed = (await owner.patch("/api/personas/ben", json=changes)).json()
    assert (changed["voiceId"], changed["voiceName"]) == ("bob", "")
    assert changed["voiceSettings"] == {"stability": 0.2, "speaker_boost": False}
    wrong = {"voiceSettings": {"stability": 20}}
    assert (await owner.patch("/api/personas/ben", json=wrong)).status_code == 422
    answer = await owner.put("/api/personas/ben/settings", json={"voiceId": "ann"})
    assert answer.json()["settings"]["voiceId"] == "ann"
    spoken = await owner.post("/api/personas/ben/voice/stream", json={"text": "Hi."})
    assert spoken.content == b"<ann:Hi.>"
    assert choir.requests[-1].settings.stability == 0.2
    usage = (await owner.get("/api/personas/ben/voice/usage")).json()
    assert usage == {
        "charactersUsed": 3,
        "charactersToday": 3,
        "charactersRemaining": 60,
        "resetDate": None,
    }


async def test_voices_are_for_those_who_are_signed_in(world: World) -> None:
    async with client_for(world, STRANGER) as stranger, client_for(world, None) as nobody:
        assert (await stranger.get("/api/personas/ben/voice/usage")).status_code == 404
        for path in ("/api/voices", "/api/personas/ben/voice/usage", "/api/speech/voice-ann"):
            assert (await nobody.get(path)).status_code == 401
        assert (
            await nobody.post("/api/voices/preview", json={"voiceId": "ann"})
        ).status_code == 401

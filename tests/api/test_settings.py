"""`/api/settings`: masked, for the owner alone, in force at once."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from clone_studio.bootstrap import Services
from tests.api.conftest import Person
from tests.servers.openai_server import OpenAIServer

KEY = "sk-proj-0123456789-abcdefghij-WXYZ"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer().running() as running:
        yield running


async def test_a_setting_is_changed_and_shown_masked(owner: Person, studio: Services) -> None:
    changes = {"OPENAI_API_KEY": KEY, "STUDIO_CHAT_MODEL": "llama3.2"}
    changed = await owner.client.put("/api/settings", json={"settings": changes})
    assert changed.status_code == 200
    assert changed.json() == (await owner.client.get("/api/settings")).json()
    rows = {one["name"]: one for one in changed.json()["settings"]}
    assert rows["OPENAI_API_KEY"] == {
        "name": "OPENAI_API_KEY",
        "isSecret": True,
        "source": "stored",
        "shown": "sk-…WXYZ",
        "choices": [],
        "problem": "",
    }
    assert rows["STUDIO_LLM"]["choices"][0] == "auto"
    assert KEY not in changed.text
    assert (studio.llm.kind, studio.llm.default_model) == ("openai", "llama3.2")
    gone = await owner.client.put("/api/settings", json={"settings": {"OPENAI_API_KEY": None}})
    assert gone.json()["settings"][0]["source"] == "default"
    assert studio.llm.kind == "quotes"


async def test_a_wrong_value_is_named_and_nothing_is_stored(owner: Person) -> None:
    changes = {"STUDIO_CHAT_MODEL": "llama3.2", "OPENAI_BASE_URL": "nowhere"}
    answer = await owner.client.put("/api/settings", json={"settings": changes})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "OPENAI_BASE_URL"
    rows = (await owner.client.get("/api/settings")).json()["settings"]
    assert {one["source"] for one in rows} == {"default"}


async def test_others_find_nothing(stranger: Person, nobody: httpx.AsyncClient) -> None:
    change = {"settings": {"OPENAI_API_KEY": KEY}}
    for client, status in ((stranger.client, 404), (nobody, 401)):
        answers = (
            await client.get("/api/settings"),
            await client.put("/api/settings", json=change),
            await client.post("/api/settings/test", json={"service": "openai"}),
        )
        assert [one.status_code for one in answers] == [status] * 3


async def test_a_service_is_tried_with_what_is_sent(owner: Person, server: OpenAIServer) -> None:
    body = {"service": "openai", "settings": {"OPENAI_BASE_URL": server.address}}
    answer = (await owner.client.post("/api/settings/test", json=body)).json()
    assert answer["works"] is True
    assert "answers and offers 3 models" in answer["detail"]
    server.behaviour.mode = "500"
    answer = (await owner.client.post("/api/settings/test", json=body)).json()
    assert answer["works"] is False
    assert answer["detail"].endswith(".")
    unknown = await owner.client.post("/api/settings/test", json={"service": "telepathy"})
    assert unknown.status_code == 422


async def test_health_tells_no_address_with_credentials(
    owner: Person, nobody: httpx.AsyncClient, studio: Services
) -> None:
    changes = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": KEY}
    await owner.client.put("/api/settings", json={"settings": changes})
    answer = await nobody.get("/api/health")
    parts = {one["name"]: one for one in answer.json()["parts"]}
    assert parts["language model"]["status"] == "degraded"
    assert parts["language model"]["fix"]
    assert KEY not in answer.text and str(studio.settings.data_dir) not in answer.text
    await studio.health.close()
    await studio.llm.close()
    await asyncio.to_thread(studio.embedder.close)

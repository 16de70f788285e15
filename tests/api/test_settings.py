"""`/api/settings`: masked, for the owner alone, in force at once."""

import asyncio
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from clone_studio.bootstrap import Services
from clone_studio.models import Chunk, StoredFile
from tests.api.conftest import Person
from tests.knowledge.tiny_model import write_model
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


async def test_another_embedding_model_is_followed_retried_and_taken_back(
    owner: Person, stranger: Person, studio: Services, server: OpenAIServer
) -> None:
    ben = await asyncio.to_thread(studio.personas.create, owner.user_id, {"name": "Ben"})
    adds_vectors(studio, ben.id)
    await asyncio.to_thread(studio.ingester.resume)
    told = (await owner.client.get("/api/settings/embedding")).json()
    assert (told["model"], told["passages"]) == ("all-MiniLM-L6-v2", 1)
    assert (told["clones"], told["backTo"]) == ([], "")
    changes = {"OPENAI_BASE_URL": server.address, "STUDIO_EMBEDDINGS": "openai"}
    await owner.client.put("/api/settings", json={"settings": changes})
    told = (await owner.client.get("/api/settings/embedding")).json()
    [clone] = told["clones"]
    assert (clone["personaId"], clone["name"]) == (ben.id, "Ben")
    assert (clone["old"], clone["new"]) == ("all-MiniLM-L6-v2", "text-embedding-3-small")
    assert (clone["done"], clone["total"], clone["error"]) == (0, 1, "")
    assert "is not on this machine" in clone["problem"]
    again = await owner.client.post("/api/settings/embedding/retry")
    assert again.json()["total"] == 1
    for path in ("", "/retry", "/back"):
        call = stranger.client.post if path else stranger.client.get
        assert (await call(f"/api/settings/embedding{path}")).status_code == 404
    # The local model is not on this machine, so there is no way back to it.
    refused = await owner.client.post("/api/settings/embedding/back")
    assert refused.status_code >= 400
    write_model(studio.settings.local_models_dir / "all-MiniLM-L6-v2")
    back = await owner.client.post("/api/settings/embedding/back")
    assert (back.json()["model"], back.json()["clones"]) == ("all-MiniLM-L6-v2", [])
    none = await owner.client.post("/api/settings/embedding/back")
    assert none.status_code == 409


def adds_vectors(studio: Services, persona_id: str) -> None:
    """Add a file of one passage with a vector of the local model, as its jobs would."""
    with studio.database.write() as session:
        ready = {"state": "ready", "embedding": "done", "chunk_count": 1}
        names = {"name": "a.txt", "sha256": "a", "storage_key": "a", "size": 1}
        session.add(StoredFile(id="a", persona_id=persona_id, **names, **ready))
        session.flush()
        place = {"position": 0, "page": 1, "start": 0, "end": 4, "text": "lamp"}
        session.add(Chunk(id="a-0", persona_id=persona_id, file_id="a", **place))
        session.flush()
        made = np.ones((1, 384), np.float32) / np.sqrt(np.float32(384))
        studio.index.add_vectors(session, persona_id, "all-MiniLM-L6-v2", [("a-0", 0)], made)

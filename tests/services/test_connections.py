"""Settings that are changed while the studio runs: who answers, and what makes vectors."""

import asyncio
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.db import Database
from clone_studio.errors import InvalidInput, NotFound, ProviderError, ProviderRefused
from clone_studio.models import User
from clone_studio.settings import Settings
from tests.knowledge.tiny_model import write_model
from tests.servers.elevenlabs_server import KEY as VOICE_KEY
from tests.servers.elevenlabs_server import ElevenLabsServer
from tests.servers.openai_server import Behaviour, OpenAIServer

KEY = "sk-proj-0123456789-abcdefghij-WXYZ"
OWNER = "owner"
DOCUMENT = b"# The post\n\nThe letters of the colony are sorted every Tuesday at the harbour."
QUESTION = "When are the letters of the colony sorted?"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(Behaviour(text="On Tuesdays [1].")).running() as running:
        yield running


@pytest.fixture
def world(settings: Settings) -> Iterator[Services]:
    """A studio with an owner, a clone "ben" with one document, and a small local model."""
    write_model(settings.local_models_dir / "all-MiniLM-L6-v2")
    built = bootstrap.build(settings)
    with built.database.write() as session:
        session.add(User(id=OWNER, email="ada@example.org", is_owner=True))
        session.add(User(id="stranger", email="eve@example.org"))
    built.personas.create(OWNER, {"name": "Ben"})
    upload = built.files.begin(OWNER, "ben", "post.md", len(DOCUMENT))
    upload.write(DOCUMENT)
    upload.finish()
    work(built)
    yield built
    built.embedder.close()
    built.database.dispose()


def work(studio: Services) -> None:
    """Do every job that is due."""
    while job := studio.jobs.claim(("ingest", "embed")):
        studio.jobs.works[job.kind].run(job)
        studio.jobs.finish(job)


async def ask(studio: Services) -> str:
    started = await studio.chat.start(OWNER, "ben", QUESTION)
    async for _ in studio.chat.attach(OWNER, started.message_id):
        pass
    found = await asyncio.to_thread(studio.conversations.message_for, OWNER, started.message_id)
    return found.content or found.error or ""


async def test_a_key_changes_who_answers_and_its_removal_brings_quotes_back(
    world: Services, server: OpenAIServer
) -> None:
    assert "sorted every Tuesday" in await ask(world)
    changes = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.address}
    await world.connections.change(OWNER, {**changes, "STUDIO_EMBEDDINGS": "local"})
    assert await ask(world) == "On Tuesdays [1]."
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    await world.connections.change(OWNER, dict.fromkeys(changes))
    assert "sorted every Tuesday" in await ask(world)
    await world.chat.close()


async def test_another_process_follows_what_was_entered(
    world: Services, settings: Settings, server: OpenAIServer
) -> None:
    other = bootstrap.build(settings)
    assert other.llm.kind == "quotes"
    await other.connections.catch_up()
    assert other.stored.revision == 0
    changes = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.address}
    await world.connections.change(OWNER, {**changes, "STUDIO_EMBEDDINGS": "local"})
    await other.connections.keep_up()
    async with asyncio.timeout(20):
        while other.llm.kind == "quotes":
            await asyncio.sleep(0.05)
    assert await ask(other) == "On Tuesdays [1]."
    assert KEY in other.stored.secrets()
    await world.connections.change(OWNER, dict.fromkeys(changes))
    await other.connections.catch_up()
    assert "sorted every Tuesday" in await ask(other)
    await other.connections.close()
    for studio in (world, other):
        await studio.chat.close()
    other.embedder.close()
    other.database.dispose()


async def test_an_answer_that_runs_goes_on_and_the_next_is_by_the_other(
    world: Services, server: OpenAIServer
) -> None:
    address = {"OPENAI_BASE_URL": server.address}
    await world.connections.change(OWNER, address)
    server.behaviour = Behaviour(text="word " * 60, delay=0.01)
    running = asyncio.create_task(ask(world))
    async with asyncio.timeout(10):
        while not server.chats():
            await asyncio.sleep(0.01)
    await world.connections.change(OWNER, dict.fromkeys(address))
    assert world.llm.kind == "quotes"
    assert (await running).count("word") == 60
    assert "sorted every Tuesday" in await ask(world)
    await world.chat.close()


async def test_another_embedding_model_embeds_anew_and_going_back_is_free(
    world: Services, server: OpenAIServer
) -> None:
    file = world.files.list_for(OWNER, "ben", "", "", 10).files[0]
    local = world.embedder.model
    assert file.embedding == "done"
    changes = {"OPENAI_BASE_URL": server.address, "STUDIO_EMBEDDINGS": "openai"}
    waiting = await world.connections.change(OWNER, changes)
    assert (waiting, world.ingester.passages()) == (1, 1)
    await asyncio.to_thread(work, world)
    assert world.embedder.model == "text-embedding-3-small"
    found = await asyncio.to_thread(world.knowledge.retrieve, file.persona_id, QUESTION)
    assert found[0].ranks["vector"] == 1
    asked = sum(one.path == "/v1/embeddings" for one in server.requests)
    assert asked >= 2
    assert await world.connections.change(OWNER, dict.fromkeys(changes)) == 0
    assert world.embedder.model == local
    found = await asyncio.to_thread(world.knowledge.retrieve, file.persona_id, QUESTION)
    assert found[0].ranks["vector"] == 1
    assert sum(one.path == "/v1/embeddings" for one in server.requests) == asked


async def test_what_does_not_concern_a_provider_leaves_it_alone(
    world: Services, server: OpenAIServer
) -> None:
    before = world.embedder._switch.now
    await world.connections.change(OWNER, {"OPENAI_BASE_URL": server.address})
    assert world.embedder._switch.now is before


async def test_a_key_that_cannot_be_read_is_an_error_and_not_a_quote(
    world: Services, settings: Settings
) -> None:
    await world.connections.change(OWNER, {"OPENAI_API_KEY": KEY})
    other = settings.model_copy(update={"secret_key": SecretStr("another secret of the studio, 1")})
    moved = bootstrap.build(other, database=Database(settings.database_url))
    assert moved.llm.kind == "openai"
    answer = await ask(moved)
    assert "Enter it again in Settings" in answer
    report = await moved.health.report()
    assert report.status == "degraded"
    assert "Enter it again" in next(one.detail for one in report.parts if "stored" in one.name)
    with pytest.raises(ProviderRefused):
        await asyncio.to_thread(moved.embedder.embed_query, "anything")
    await moved.connections.change(OWNER, {"OPENAI_API_KEY": None})
    assert "sorted every Tuesday" in await ask(moved)
    await moved.chat.close()
    moved.database.dispose()


async def test_a_test_says_what_answers_with_values_that_are_not_saved(
    world: Services, server: OpenAIServer
) -> None:
    typed = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.address}
    words = await world.connections.test(OWNER, "openai", typed)
    assert words.endswith("answers and offers 3 models, gpt-6-luna among them.")
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    words = await world.connections.test(OWNER, "openai", {**typed, "STUDIO_CHAT_MODEL": "gpt-7"})
    assert "but not gpt-7" in words
    assert world.stored.in_force().openai_api_key is None
    assert world.llm.kind == "quotes"


@pytest.mark.parametrize("mode", ["401", "500", "html"])
async def test_a_test_that_fails_says_why(world: Services, server: OpenAIServer, mode: str) -> None:
    server.behaviour.mode = mode
    with pytest.raises(ProviderError) as caught:
        typed = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.address}
        await world.connections.test(OWNER, "openai", typed)
    assert KEY not in caught.value.detail


async def test_only_the_owner_tests_and_changes(world: Services, server: OpenAIServer) -> None:
    typed = {"OPENAI_BASE_URL": server.address}
    with pytest.raises(NotFound):
        await world.connections.test("stranger", "openai", typed)
    with pytest.raises(NotFound):
        await world.connections.change("stranger", typed)
    with pytest.raises(InvalidInput):
        await world.connections.test(OWNER, "telepathy", {})
    assert server.requests == []


async def test_a_voice_key_changes_who_speaks_and_is_tested(world: Services) -> None:
    with ElevenLabsServer().running() as voices:
        changes = {"ELEVENLABS_API_KEY": VOICE_KEY, "ELEVENLABS_BASE_URL": voices.address}
        words = await world.connections.test(OWNER, "elevenlabs", changes)
        assert "82,769 of 100,000 characters are left" in words
        assert world.speech_engine.kind == "local"
        await world.connections.change(OWNER, changes)
        assert world.speech_engine.kind == "elevenlabs"
        assert len(await world.speech_engine.voices()) == 4
    await world.connections.change(OWNER, {**dict.fromkeys(changes), "STUDIO_SPEECH": "off"})
    assert world.speech_engine.kind == "off"

"""Settings that are changed while the studio runs: who answers, and what makes vectors."""

import asyncio
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlmodel import select

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.db import Database
from clone_studio.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    ProviderError,
    ProviderRefused,
)
from clone_studio.models import EmbeddingUse, User
from clone_studio.providers.search.database import DatabaseSearchIndex
from clone_studio.providers.search.vectors import VectorIndex
from clone_studio.services.job_runner import JobRunner
from clone_studio.services.rebuilding import RebuildStatus
from clone_studio.settings import Settings
from tests.knowledge.tiny_model import write_model
from tests.servers.elevenlabs_server import KEY as VOICE_KEY
from tests.servers.elevenlabs_server import ElevenLabsServer
from tests.servers.openai_server import Behaviour, OpenAIServer

KEY = "sk-proj-0123456789-abcdefghij-WXYZ"
OWNER = "owner"
DOCUMENT = b"# The post\n\nThe letters of the colony are sorted every Tuesday at the harbour."
QUESTION = "When are the letters of the colony sorted?"


class OfOneLength(VectorIndex):
    """An index at a service that was made for vectors of one length."""

    def only_dimension(self) -> int:
        return 384


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
    runner = JobRunner(studio.jobs, [])
    while job := studio.jobs.claim(("ingest", "embed", "forget")):
        runner.run(job)


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


def ranks(studio: Services, persona_id: str) -> "int | None":
    """Return how the only passage stands by meaning."""
    return studio.knowledge.retrieve(persona_id, QUESTION)[0].ranks["vector"]


async def test_another_embedding_model_is_built_while_the_old_one_answers(
    world: Services, server: OpenAIServer
) -> None:
    file = world.files.list_for(OWNER, "ben", "", "", 10).files[0]
    local = world.embedder.model
    changes = {"OPENAI_BASE_URL": server.address, "STUDIO_EMBEDDINGS": "openai"}
    assert await world.connections.change(OWNER, changes) == 1
    assert world.rebuilding.cost().passages == 1
    assert await asyncio.to_thread(ranks, world, file.persona_id) == 1
    assert server.requests == [], "asked of the old model"
    status = world.rebuilding.status_for(OWNER)
    assert (status.done, status.total, status.back_to) == (0, 1, local)
    # Going back before the switch costs nothing: the old vectors are complete.
    assert await world.rebuilding.go_back(OWNER) == local
    assert world.embedder.model == local
    assert world.rebuilding.status_for(OWNER).clones == ()
    await asyncio.to_thread(work, world)
    assert server.requests == []
    assert await world.connections.change(OWNER, {"STUDIO_EMBEDDINGS": "openai"}) == 1
    await asyncio.to_thread(work, world)
    assert await asyncio.to_thread(ranks, world, file.persona_id) == 1
    assert world.rebuilding.status_for(OWNER) == RebuildStatus()
    given = [one.body["input"] for one in server.requests if one.path == "/v1/embeddings"]
    assert given == [given[0], [QUESTION]], "the passage and the question, once each"


async def test_every_process_sees_the_switch_and_none_works_with_a_stale_choice(
    world: Services, server: OpenAIServer, settings: Settings
) -> None:
    file = world.files.list_for(OWNER, "ben", "", "", 10).files[0]
    other = bootstrap.build(settings, database=Database(settings.database_url))
    assert await asyncio.to_thread(ranks, other, file.persona_id) == 1
    local = other.embedder.model
    changes = {"OPENAI_BASE_URL": server.address, "STUDIO_EMBEDDINGS": "openai"}
    await world.connections.change(OWNER, changes)
    assert other.embedder.model == local, "it has not heard of the change"
    assert await asyncio.to_thread(ranks, other, file.persona_id) == 1
    await asyncio.to_thread(work, other)
    assert other.embedder.model == "text-embedding-3-small"
    third = bootstrap.build(settings, database=Database(settings.database_url))
    for studio in (world, other, third):
        assert await asyncio.to_thread(ranks, studio, file.persona_id) == 1
    assert world.rebuilding.status_for(OWNER).clones == ()
    for studio in (other, third):
        studio.knowledge.close()
        studio.embedder.close()
        studio.database.dispose()


async def test_a_process_that_missed_a_switch_follows_it_at_the_first_question(
    world: Services, server: OpenAIServer, settings: Settings
) -> None:
    file = world.files.list_for(OWNER, "ben", "", "", 10).files[0]
    other = bootstrap.build(settings, database=Database(settings.database_url))
    await other.connections.keep_up()
    assert await asyncio.to_thread(ranks, other, file.persona_id) == 1
    changes = {"OPENAI_BASE_URL": server.address, "STUDIO_EMBEDDINGS": "openai"}
    await world.connections.change(OWNER, changes)
    await asyncio.to_thread(work, world)
    assert await asyncio.to_thread(ranks, other, file.persona_id) == 1
    assert other.embedder.model == "text-embedding-3-small"
    await other.connections.catch_up()
    assert other.llm.kind == "openai", "the question did not keep the rest of the change from it"
    await other.connections.close()
    await other.llm.close()
    other.knowledge.close()
    other.embedder.close()
    other.database.dispose()


async def test_an_old_key_goes_to_its_own_server_and_nowhere_else(
    world: Services, server: OpenAIServer
) -> None:
    file = world.files.list_for(OWNER, "ben", "", "", 10).files[0]
    with OpenAIServer().running() as second:
        first = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.address}
        await world.connections.change(OWNER, first)
        await asyncio.to_thread(work, world)
        # The same key at another address: the old server knows it already.
        moved = {"OPENAI_BASE_URL": second.address, "STUDIO_EMBEDDING_MODEL": "another"}
        assert await world.connections.change(OWNER, moved) == 1
        server.requests.clear()
        assert await asyncio.to_thread(ranks, world, file.persona_id) == 1
        assert [one.headers["authorization"] for one in server.requests] == [f"Bearer {KEY}"]
        assert second.requests == []
        with pytest.raises(Conflict, match="was at"):
            await world.rebuilding.go_back(OWNER)
        # Another key belongs to the new address alone.
        await world.connections.change(OWNER, {"OPENAI_API_KEY": "sk-of-the-second-server"})
        server.requests.clear()
        assert await asyncio.to_thread(ranks, world, file.persona_id) is None
        assert server.requests == []
        problem = world.rebuilding.status_for(OWNER).problem
        assert "needs the key that was used before" in problem
        part = next(
            one for one in (await world.health.report()).parts if one.name == "embedding rebuild"
        )
        assert part.status == "degraded"
        assert "by words only" in part.detail
        with world.database.read() as session:
            use = session.exec(select(EmbeddingUse)).one()
        assert KEY not in str(use.model_dump())
        await asyncio.to_thread(work, world)
        assert await asyncio.to_thread(ranks, world, file.persona_id) == 1
    await world.health.close()
    await world.llm.close()


async def test_an_index_of_one_length_refuses_another_before_anything_is_changed(
    settings: Settings, server: OpenAIServer
) -> None:
    write_model(settings.local_models_dir / "all-MiniLM-L6-v2")
    database = Database(settings.database_url)
    index = DatabaseSearchIndex(database, OfOneLength(database))
    studio = bootstrap.build(settings, database=database, index=index)
    with database.write() as session:
        session.add(User(id=OWNER, email="ada@example.org", is_owner=True))
    changes = {"OPENAI_BASE_URL": server.address, "STUDIO_EMBEDDINGS": "openai"}
    with pytest.raises(InvalidInput, match="takes 384"):
        await studio.connections.change(OWNER, changes)
    assert studio.embedder.model == "all-MiniLM-L6-v2"
    assert not studio.stored.in_force().uses_openai_embeddings
    server.behaviour = Behaviour(mode="401")
    with pytest.raises(ProviderRefused):
        await studio.connections.change(OWNER, changes)
    assert not studio.stored.in_force().uses_openai_embeddings
    studio.embedder.close()
    database.dispose()


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

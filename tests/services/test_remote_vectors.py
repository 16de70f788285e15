"""A studio that keeps vectors at Pinecone: taken in, searched, and honest when that is away."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import select

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.errors import InvalidInput, ProviderRefused
from clone_studio.models import RemoteVector, User
from clone_studio.services.conversations import MessageInfo
from clone_studio.services.job_runner import JobRunner
from clone_studio.services.spans import SpanRecorder
from clone_studio.settings import Settings
from clone_studio.state.chat_rows import WORDS_NOTE, message_row
from tests.knowledge.embedder import DIMENSION, WordVectors
from tests.knowledge.remote import pinecone_settings
from tests.servers.pinecone_server import KEY, PineconeServer

OWNER = "owner"
ROOT = Path(__file__).resolve().parents[2]
TEXT = b"# Lamps\n\nThe keeper of the harbour winds the lamp at dusk."
QUESTION = "Who winds the lamp of the harbour?"
# A process that does every job there is, until it is killed.
WORKER = """
import sys
from clone_studio import bootstrap
from clone_studio.services.job_runner import JobRunner
from clone_studio.settings import Settings
from tests.knowledge.embedder import WordVectors
values = dict(one.split("=", 1) for one in sys.argv[1:])
studio = bootstrap.build(Settings(_env_file=None, **values), embedder=WordVectors())
studio.ingester
runner = JobRunner(studio.jobs, [])
while job := studio.jobs.claim(["embed"]):
    runner.run(job)
"""


@pytest.fixture
def server() -> Iterator[PineconeServer]:
    with PineconeServer(dimension=DIMENSION, visible_after=2).running() as running:
        yield running


@pytest.fixture
def studio(settings: Settings, server: PineconeServer) -> Iterator[Services]:
    values = {**settings.model_dump(by_alias=True), **pinecone_settings(server)}
    built = bootstrap.build(Settings(_env_file=None, **values), embedder=WordVectors())
    with built.database.write() as session:
        session.add(User(id=OWNER, email="ada@example.org", is_owner=True))
    built.personas.create(OWNER, {"name": "Ben"})
    with closing(built.remote_vectors):
        yield built
    built.database.dispose()


def upload(studio: Services, text: bytes = TEXT) -> str:
    pending = studio.files.begin(OWNER, "ben", "lamps.md", len(text))
    pending.write(text)
    return pending.finish().id


def work(studio: Services, *kinds: str) -> None:
    assert studio.ingester
    runner = JobRunner(studio.jobs, [])
    while job := studio.jobs.claim(kinds or ("ingest", "embed")):
        runner.run(job)


def persona(studio: Services) -> str:
    return studio.personas.get_for(OWNER, "ben").id


async def ask(studio: Services) -> MessageInfo:
    started = await studio.chat.start(OWNER, "ben", QUESTION)
    async for _ in studio.chat.attach(OWNER, started.message_id):
        pass
    return await asyncio.to_thread(studio.conversations.message_for, OWNER, started.message_id)


def test_a_file_is_done_when_a_search_finds_it(studio: Services, server: PineconeServer) -> None:
    file_id = upload(studio)
    work(studio)
    assert studio.files.get_for(OWNER, file_id).embedding == "done"
    assert server.shown[persona(studio)].keys() == server.ids(persona(studio)) != set()
    recorder = SpanRecorder()
    found = studio.knowledge.retrieve(persona(studio), QUESTION, spans=recorder)
    assert found[0].ranks["vector"] == 1
    assert recorder.remarks == {}


def test_an_index_that_does_not_fit_is_said_at_the_file(
    studio: Services, server: PineconeServer
) -> None:
    server.dimension = 7
    file_id = upload(studio)
    work(studio)
    file = studio.files.get_for(OWNER, file_id)
    assert (file.state, file.embedding) == ("ready", "failed")
    assert "makes vectors of 96 numbers" in (file.embedding_error or "")
    assert server.paths("/vectors/upsert") == []


async def test_a_dead_pinecone_leaves_words_and_says_so(
    studio: Services, server: PineconeServer
) -> None:
    await asyncio.to_thread(upload, studio)
    await asyncio.to_thread(work, studio)
    whole = await ask(studio)
    assert "winds the lamp" in whole.content
    assert "searched" not in whole.usage
    assert message_row(whole).note == ""
    server.always = "503"
    began = time.monotonic()
    answer = await ask(studio)
    assert time.monotonic() - began < 6
    assert "winds the lamp" in answer.content
    assert answer.state == "complete"
    assert answer.usage["searched"] == "words"
    assert message_row(answer).note == WORDS_NOTE
    began, asked = time.monotonic(), len(server.paths("/query"))
    again = await ask(studio)
    assert again.usage["searched"] == "words"
    assert time.monotonic() - began < 1
    assert len(server.paths("/query")) - asked < 3
    await studio.chat.close()


async def test_health_names_what_is_wrong_and_its_repair(
    studio: Services, server: PineconeServer
) -> None:
    async def vectors() -> tuple[str, str, str]:
        studio.remote_vectors.close()
        found = await bootstrap.build(
            studio.settings,
            database=studio.database,
            embedder=studio.embedder,
            remote_vectors=studio.remote_vectors,
        ).health.report()
        part = next(one for one in found.parts if one.name == "vectors")
        return part.status, part.detail, part.fix

    status, detail, fix = await vectors()
    assert (status, fix) == ("ok", "")
    assert "vectors of 96 numbers, by cosine" in detail
    server.always = "403"
    status, detail, fix = await vectors()
    assert (status, "does not allow this" in detail) == ("degraded", True)
    server.always, server.dimension = "", 5
    status, detail, fix = await vectors()
    assert status == "degraded"
    assert "searched by words only" in detail
    assert "keeps vectors of 5" in detail
    assert "Test" in fix
    server.control = "401"
    _, detail, _ = await vectors()
    assert "refuses the key" in detail
    assert KEY not in detail


async def test_health_does_not_speak_of_what_is_not_used(settings: Settings) -> None:
    studio = bootstrap.build(settings, embedder=WordVectors())
    report = await studio.health.report()
    assert "vectors" not in {one.name for one in report.parts}
    studio.database.dispose()


async def test_the_key_is_tested_stored_and_used(
    studio: Services, settings: Settings, server: PineconeServer
) -> None:
    given = settings.model_copy(update={"pinecone_host": server.address})
    plain = bootstrap.build(given, database=studio.database, embedder=WordVectors())
    typed = {"PINECONE_API_KEY": KEY, "PINECONE_INDEX": server.name}
    words = await plain.connections.test(OWNER, "pinecone", typed)
    assert words.endswith("answers and reports 0 vectors of 96 numbers, by cosine.")
    with pytest.raises(ProviderRefused, match="name of the Pinecone index"):
        await plain.connections.test(OWNER, "pinecone", {"PINECONE_API_KEY": KEY})
    with pytest.raises(InvalidInput):
        await plain.connections.test(OWNER, "pinecone", {"PINECONE_INDEX": "x" * 46})
    assert not plain.stored.in_force().uses_pinecone
    await plain.connections.change(OWNER, typed)
    assert plain.stored.in_force().uses_pinecone
    await asyncio.to_thread(upload, plain)
    await asyncio.to_thread(work, plain)
    assert server.ids(persona(plain))
    shown = {one.name: one.shown for one in plain.stored.list_for(OWNER)}
    assert shown["PINECONE_API_KEY"] == f"…{KEY[-4:]}"
    # Without the key what is there cannot be found, and is embedded here.
    assert await plain.connections.change(OWNER, {"PINECONE_API_KEY": None}) == 1
    plain.remote_vectors.close()


async def test_a_key_that_cannot_be_read_is_said(studio: Services, server: PineconeServer) -> None:
    unreadable = studio.settings.model_copy(update={"pinecone_api_key": SecretStr("\0")})
    moved = bootstrap.build(unreadable, database=studio.database, embedder=WordVectors())
    report = await moved.health.report()
    part = next(one for one in report.parts if one.name == "vectors")
    assert "Enter it again in Settings" in part.detail


def test_a_process_killed_while_it_sends_doubles_and_loses_nothing(
    studio: Services, server: PineconeServer, settings: Settings
) -> None:
    text = "\n\n".join(f"Paragraph {one} tells of lamp {one}. " * 30 for one in range(40))
    file_id = upload(studio, text.encode())
    work(studio, "ingest")
    # The second batch reaches Pinecone and its answer never comes back.
    server.modes = ["", "hang"]
    values = pinecone_settings(server, STUDIO_DATA_DIR=settings.data_dir)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, *(f"{name}={value}" for name, value in values.items())],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    ends = time.monotonic() + 60
    while len(server.paths("/vectors/upsert")) < 2:
        assert time.monotonic() < ends
        assert process.poll() is None
        studio.jobs.wait(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert studio.jobs.release_dead() == 1
    sent = len(server.ids(persona(studio)))
    assert sent > 0
    work(studio)
    file = studio.files.get_for(OWNER, file_id)
    assert file.embedding == "done"
    with studio.database.read() as session:
        noted = session.exec(select(RemoteVector)).all()
    assert len(noted) == file.chunk_count
    assert len(server.ids(persona(studio))) == sum(one.windows for one in noted) > sent

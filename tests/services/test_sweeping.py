"""Deletions at a service elsewhere: complete whatever crashes, harmless to what comes later."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlmodel import select

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.db import Database
from clone_studio.models import Chunk, Job, User
from clone_studio.providers.search.vectors import VectorIndex
from clone_studio.services.job_runner import JobRunner
from clone_studio.services.jobs import MOST_ATTEMPTS
from clone_studio.services.sweeping import LAST_SWEEP, SWEEP
from clone_studio.settings import Settings
from tests.knowledge.embedder import DIMENSION, WordVectors
from tests.knowledge.remote import pinecone_settings
from tests.servers.pinecone_server import PineconeServer

OWNER = "owner"
ROOT = Path(__file__).resolve().parents[2]
TEXT = b"# Lamps\n\nThe keeper of the harbour winds the lamp at dusk."
# A process that deletes one file at the service and is killed while the service holds it up.
WORKER = """
import sys
from clone_studio import bootstrap
from clone_studio.services.job_runner import JobRunner
from clone_studio.settings import Settings
values = dict(one.split("=", 1) for one in sys.argv[1:])
studio = bootstrap.build(Settings(_env_file=None, **values))
runner = JobRunner(studio.jobs, [])
job = studio.jobs.claim(["sweep"])
print("begun", flush=True)
runner.run(job)
"""


@pytest.fixture
def server() -> Iterator[PineconeServer]:
    with PineconeServer(dimension=DIMENSION, visible_after=1).running() as running:
        yield running


@pytest.fixture
def studio(settings: Settings, server: PineconeServer) -> Iterator[Services]:
    """A studio that keeps vectors at Pinecone, with an owner and a clone "ben"."""
    values = {**settings.model_dump(by_alias=True), **pinecone_settings(server)}
    given = Settings(_env_file=None, **values)
    built = bootstrap.build(given, embedder=WordVectors())
    with built.database.write() as session:
        session.add(User(id=OWNER, email="ada@example.org", is_owner=True))
    built.personas.create(OWNER, {"name": "Ben"})
    with closing(built.remote_vectors):
        yield built
    built.database.dispose()


def upload(studio: Services, text: bytes = TEXT, name: str = "lamps.md") -> str:
    pending = studio.files.begin(OWNER, "ben", name, len(text))
    pending.write(text)
    info = pending.finish()
    work(studio, "ingest", "embed")
    assert studio.files.get_for(OWNER, info.id).embedding == "done"
    return info.id


def work(studio: Services, *kinds: str) -> int:
    """Do every job of these kinds that is due; return how many there were."""
    runner, done = JobRunner(studio.jobs, []), 0
    while job := studio.jobs.claim(kinds):
        runner.run(job)
        done += 1
    return done


def hurried(studio: Services, kind: str = SWEEP) -> int:
    """Do the jobs of a kind that wait, now, as if their time had come."""
    with studio.database.write() as session:
        studio.jobs.hurry(session, kind)
    return work(studio, kind)


def persona(studio: Services) -> str:
    return studio.personas.get_for(OWNER, "ben").id


def waiting(database: Database, kind: str) -> list[Job]:
    with database.read() as session:
        return list(session.exec(select(Job).where(Job.kind == kind, Job.state == "queued")))


def until_clean(studio: Services) -> None:
    for _ in range(10):
        if not hurried(studio):
            return
    raise AssertionError("deletions do not end")


def test_a_deleted_file_is_deleted_there_and_no_other(
    studio: Services, server: PineconeServer
) -> None:
    first = upload(studio)
    kept = upload(studio, b"# Bread\n\nThe baker bakes bread in the oven.", "bread.md")
    both = server.ids(persona(studio))
    assert len(both) == 2
    studio.files.delete(OWNER, first)
    until_clean(studio)
    with studio.database.read() as session:
        assert studio.index.lacking_vectors(session, "words", kept, -1, 9) == []
    assert len(server.ids(persona(studio))) == 1
    assert server.ids(persona(studio)) < both


def test_a_first_reading_asks_for_no_deletion(studio: Services, server: PineconeServer) -> None:
    upload(studio)
    assert waiting(studio.database, SWEEP) == []


def test_a_deleted_clone_leaves_no_namespace(studio: Services, server: PineconeServer) -> None:
    upload(studio)
    namespace = persona(studio)
    studio.personas.delete(OWNER, "ben")
    until_clean(studio)
    assert namespace not in server.committed


def test_a_namespace_that_never_was_is_no_error(studio: Services, server: PineconeServer) -> None:
    studio.personas.delete(OWNER, "ben")
    assert waiting(studio.database, SWEEP)
    until_clean(studio)
    assert waiting(studio.database, SWEEP) == []


def test_the_same_document_added_again_survives_a_late_deletion(
    studio: Services, server: PineconeServer
) -> None:
    studio.files.delete(OWNER, upload(studio))
    again = upload(studio)
    assert len(server.ids(persona(studio))) == 2
    until_clean(studio)
    assert len(server.ids(persona(studio))) == 1
    found = studio.knowledge.retrieve(persona(studio), "Who winds the lamp?")
    assert (found[0].file_id, found[0].ranks["vector"]) == (again, 1)


@pytest.mark.parametrize("mode", ["drop", "401"])
def test_an_outage_of_any_length_is_outlasted(
    studio: Services, server: PineconeServer, mode: str
) -> None:
    studio.files.delete(OWNER, upload(studio))
    server.always = mode
    for _ in range(MOST_ATTEMPTS + 2):
        assert hurried(studio) == 1
    (job,) = waiting(studio.database, SWEEP)
    assert job.attempts == 0
    assert server.ids(persona(studio))
    server.always = ""
    studio.remote_vectors.close()
    until_clean(studio)
    assert server.ids(persona(studio)) == set()


def test_what_arrives_after_its_deletion_goes_with_the_last_look(
    studio: Services, server: PineconeServer
) -> None:
    studio.files.delete(OWNER, upload(studio))
    until_clean(studio)
    (last,) = waiting(studio.database, LAST_SWEEP)
    assert last.run_after > last.updated_at
    # A write that was on its way when its file was deleted.
    late = WordVectors().embed_passages(["late"])
    studio.remote_vectors.send(persona(studio), "gone", "words", [("gone-chunk", 0)], late)
    ends = time.monotonic() + 10
    while not studio.remote_vectors.listed(persona(studio), "words"):
        assert time.monotonic() < ends
    for _ in range(10):
        if not hurried(studio, LAST_SWEEP):
            break
    assert server.ids(persona(studio)) == set()
    assert waiting(studio.database, LAST_SWEEP) == []


def test_a_key_that_is_gone_keeps_the_deletion_waiting(
    studio: Services, server: PineconeServer
) -> None:
    studio.files.delete(OWNER, upload(studio))
    without = studio.settings.model_copy(update={"pinecone_api_key": None})
    keyless = bootstrap.build(without, database=studio.database, embedder=WordVectors())
    assert hurried(keyless) == 1
    assert len(waiting(studio.database, SWEEP)) == 1
    until_clean(studio)
    assert server.ids(persona(studio)) == set()


def test_a_killed_process_leaves_its_deletion_to_the_next(
    studio: Services, server: PineconeServer, settings: Settings
) -> None:
    studio.files.delete(OWNER, upload(studio))
    server.always = "hang"
    values = pinecone_settings(
        server, STUDIO_DATA_DIR=settings.data_dir, DATABASE_URL=settings.database_url
    )
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, *(f"{name}={value}" for name, value in values.items())],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"begun\n"
        asked, ends = len(server.paths("/vectors/list")), time.monotonic() + 30
        while len(server.paths("/vectors/list")) == asked and time.monotonic() < ends:
            studio.jobs.wait(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    server.always = ""
    assert waiting(studio.database, SWEEP) == []
    assert studio.jobs.release_dead() == 1
    until_clean(studio)
    assert server.ids(persona(studio)) == set()


def test_vectors_of_a_model_that_is_used_no_more_are_deleted_there(
    studio: Services, server: PineconeServer
) -> None:
    file_id = upload(studio)
    old = server.ids(persona(studio))
    studio.embedder.model = "another"  # type: ignore[misc]
    assert studio.ingester.resume() == 1
    work(studio, "embed")
    assert studio.ingester.rebuild.progress() == ()
    assert old < server.ids(persona(studio)), "questions that began before still find them"
    assert hurried(studio, "forget") == 1
    until_clean(studio)
    assert not old & server.ids(persona(studio))
    with studio.database.read() as session:
        assert studio.index.models(session, persona(studio)) == {"another"}
        assert studio.index.lacking_vectors(session, "another", file_id, -1, 9) == []


def test_passages_in_both_places_are_counted_once(studio: Services, server: PineconeServer) -> None:
    upload(studio)
    upload(studio, b"# Bread\n\nThe baker bakes bread in the oven.", "bread.md")
    owner, rows = persona(studio), VectorIndex(studio.database)
    with studio.database.write() as session:
        first = session.exec(select(Chunk).order_by(Chunk.id)).first()
        vectors = studio.embedder.embed_passages([first.text])
        rows.add(session, owner, "words", [(first.id, 0)], vectors)
    with studio.database.write() as session:
        assert studio.index.embedded(session, owner, "words") == 2
        assert studio.index.only_dimension() == DIMENSION
        while studio.index.forget_model(session, owner, "words", 1):
            pass
        assert studio.index.embedded(session, owner, "words") == 0
        assert studio.index.models(session, owner) == set()

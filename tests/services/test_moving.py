"""Vectors moved between the database and Pinecone: copied, compared, found all the time."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from clone_studio import bootstrap, vectors
from clone_studio.bootstrap import Services
from clone_studio.errors import InvalidInput, NotFound, ProviderError, ProviderTimeout
from clone_studio.models import ChunkVector, RemoteVector, User
from clone_studio.services.job_runner import JobRunner
from clone_studio.services.moving import VectorMover
from clone_studio.services.sweeping import SWEEP
from clone_studio.settings import Settings
from tests.knowledge.embedder import DIMENSION, WordVectors
from tests.knowledge.remote import pinecone_settings
from tests.servers.pinecone_server import PineconeServer

OWNER = "owner"
LAMPS = "# Lamps\n\n" + "\n\n".join(
    f"Paragraph {number} tells of lamp {number} and its keeper. " * 12 for number in range(60)
)
QUESTION = "Which paragraph tells of lamp 37?"


@pytest.fixture
def server() -> Iterator[PineconeServer]:
    with PineconeServer(dimension=DIMENSION, visible_after=2).running() as running:
        yield running


def opened(settings: Settings, server: PineconeServer, where: str) -> Services:
    """Return a studio on the same data whose new vectors go to `where`."""
    values: dict[str, Any] = {**settings.model_dump(by_alias=True), **pinecone_settings(server)}
    given = Settings(_env_file=None, **{**values, "STUDIO_VECTORS": where})
    return bootstrap.build(given, embedder=WordVectors())


@pytest.fixture
def studio(settings: Settings, server: PineconeServer) -> Iterator[Services]:
    """A studio whose vectors are in the database, with two clones."""
    built = opened(settings, server, "database")
    with built.database.write() as session:
        session.add(User(id=OWNER, email="ada@example.org", is_owner=True))
    for name in ("Ben", "Eve"):
        built.personas.create(OWNER, {"name": name})
        upload(built, name.lower(), LAMPS)
    with closing(built.remote_vectors):
        yield built
    built.database.dispose()


def upload(studio: Services, ref: str, text: str) -> None:
    pending = studio.files.begin(OWNER, ref, "lamps.md", len(text.encode()))
    pending.write(text.encode())
    pending.finish()
    work(studio, "ingest", "embed")


def work(studio: Services, *kinds: str) -> None:
    runner = JobRunner(studio.jobs, [])
    with studio.database.write() as session:
        studio.jobs.hurry(session, SWEEP)
    while job := studio.jobs.claim(kinds):
        runner.run(job)


def persona(studio: Services, ref: str = "ben") -> str:
    return studio.personas.get_for(OWNER, ref).id


def rows(
    studio: Services, table: type[ChunkVector] | type[RemoteVector] = ChunkVector
) -> dict[tuple[str, int], bytes]:
    """Return what a table keeps of the clone "ben", by chunk and window."""
    with studio.database.read() as session:
        found = session.exec(select(table).where(table.persona_id == persona(studio))).all()
    if table is ChunkVector:
        return {(row.chunk_id, row.window): row.vector for row in found}
    return {(row.chunk_id, number): b"" for row in found for number in range(row.windows)}


def passages(studio: Services) -> int:
    return len({chunk_id for chunk_id, _ in {**rows(studio), **rows(studio, RemoteVector)}})


def best(studio: Services) -> tuple[str, int | None]:
    """Return what answers the question, and that it was found by its vector."""
    found = studio.knowledge.retrieve(persona(studio), QUESTION)
    assert "lamp 37 " in found[0].text
    assert found[0].ranks["vector"] is not None
    return found[0].chunk_id, found[0].ranks["vector"]


def embedded(studio: Services) -> int:
    assert isinstance(studio.embedder, WordVectors)
    return len(studio.embedder.seen)


def test_there_and_back_again_nothing_is_embedded_anew(
    studio: Services, server: PineconeServer
) -> None:
    before, found, made = rows(studio), best(studio), embedded(studio)
    moved = studio.mover.move(persona(studio), "pinecone")
    assert (moved.passages, moved.missing) == (passages(studio), 0)
    assert rows(studio) == {}
    assert rows(studio, RemoteVector).keys() == before.keys()
    assert len(server.ids(persona(studio))) == len(before)
    assert persona(studio, "eve") not in server.committed
    assert best(studio) == found
    back = studio.mover.move(persona(studio), "database")
    assert back.passages == moved.passages
    assert rows(studio) == before
    assert rows(studio, RemoteVector) == {}
    assert best(studio) == found
    for _ in range(4):
        work(studio, SWEEP)
    assert server.ids(persona(studio)) == set()
    assert studio.ingester.resume() == 0
    assert embedded(studio) == made


def test_both_places_are_searched_and_lack_nothing(
    studio: Services, server: PineconeServer, settings: Settings
) -> None:
    found = best(studio)
    elsewhere = opened(settings, server, "pinecone")
    with closing(elsewhere.remote_vectors):
        assert elsewhere.ingester.resume() == 0
        upload(elsewhere, "ben", "# More\n\nThe lamp of the lighthouse is number ninety-nine.")
        assert len(rows(studio, RemoteVector)) == 1
        more = elsewhere.knowledge.retrieve(persona(studio), "number of the lighthouse lamp")
        assert "ninety-nine" in more[0].text
        assert more[0].ranks["vector"] == 1
        assert best(elsewhere)[0] == found[0]
        assert elsewhere.ingester.resume() == 0
    elsewhere.database.dispose()


def test_without_a_key_what_was_there_is_embedded_here(
    studio: Services, settings: Settings
) -> None:
    studio.mover.move(persona(studio), "pinecone")
    keyless = bootstrap.build(settings, embedder=WordVectors())
    assert keyless.ingester.resume() == 1
    work(keyless, "embed")
    assert rows(keyless).keys() == rows(studio, RemoteVector).keys()
    assert best(keyless)
    keyless.database.dispose()


@pytest.mark.parametrize("mode", ["403", "drop", "partial"])
def test_a_move_that_is_cut_off_loses_nothing_and_goes_on(
    studio: Services, server: PineconeServer, mode: str
) -> None:
    before, found = rows(studio), best(studio)
    # The listing goes well, then the first batch does not.
    server.modes = ["", *[mode] * 4]
    with pytest.raises(ProviderError):
        studio.mover.move(persona(studio), "pinecone")
    assert rows(studio) == before
    studio.remote_vectors.close()
    server.modes = []
    assert best(studio) == found
    assert studio.mover.move(persona(studio), "pinecone").passages == passages(studio)
    assert rows(studio) == {}
    assert best(studio) == found


def test_a_copy_that_differs_deletes_nothing(studio: Services, server: PineconeServer) -> None:
    before = rows(studio)
    studio.mover.move(persona(studio), "pinecone")
    for row in server.shown[persona(studio)].values():
        row["values"] = [0.5] * DIMENSION
    studio.mover.move(persona(studio), "database")
    changed = rows(studio)
    assert changed != before
    for row in server.shown[persona(studio)].values():
        row["values"] = [-0.5] * DIMENSION
    with pytest.raises(ProviderError, match="is not what is in the database"):
        studio.mover.move(persona(studio), "pinecone")
    assert rows(studio) == changed


def test_a_copy_that_is_not_shown_deletes_nothing(studio: Services, server: PineconeServer) -> None:
    before, server.visible_after = rows(studio), 10_000
    mover = VectorMover(
        studio.database, rows=_Rows(), remote=studio.remote_vectors, shown_seconds=0.1
    )
    with pytest.raises(ProviderTimeout, match="not shown yet"):
        mover.move(persona(studio), "pinecone")
    assert rows(studio) == before


class _Rows:
    """Rows that a move to Pinecone must not touch."""

    def add(self, session: Session, *arguments: Any) -> None:
        raise AssertionError("nothing is added to rows")


def test_notes_of_what_is_not_there_are_dropped_and_embedded_again(
    studio: Services, server: PineconeServer
) -> None:
    studio.mover.move(persona(studio), "pinecone")
    lost = min(server.shown[persona(studio)])
    for spaces in (server.shown, server.committed):
        del spaces[persona(studio)][lost]
    moved = studio.mover.move(persona(studio), "database")
    assert moved.missing == 1
    chunk_id, made = lost.partition("#")[0], embedded(studio)
    assert all(one != chunk_id for one, _ in rows(studio))
    assert studio.ingester.resume() == 1
    work(studio, "embed")
    windows = sum(one == chunk_id for one, _ in rows(studio))
    assert 0 < windows == embedded(studio) - made


def test_vectors_of_an_older_model_stay(studio: Services) -> None:
    with studio.database.write() as session:
        for chunk_id in sorted({one for one, _ in rows(studio)})[:3]:
            values = {"persona_id": persona(studio), "chunk_id": chunk_id, "window": 0}
            session.add(ChunkVector(model="older", vector=b"\0\0\x80\x3f" * 4, **values))
    moved = studio.mover.move(persona(studio), "pinecone")
    assert (moved.passages, moved.unfit) == (len({one for one, _ in rows(studio, RemoteVector)}), 3)
    assert list(rows(studio).values()) == [b"\0\0\x80\x3f" * 4] * 3


def test_an_index_of_another_size_takes_nothing(studio: Services, server: PineconeServer) -> None:
    server.dimension = 5
    before = rows(studio)
    with pytest.raises(ProviderError, match="makes vectors of 96 numbers"):
        studio.mover.move(persona(studio), "pinecone")
    assert rows(studio) == before
    assert server.paths("/vectors/upsert") == []


def test_clones_are_chosen_by_slug_or_id(studio: Services) -> None:
    assert [one.slug for one in studio.mover.chosen(None)] == ["ben", "eve"]
    assert [one.slug for one in studio.mover.chosen(persona(studio))] == ["ben"]
    with pytest.raises(NotFound, match="nobody"):
        studio.mover.chosen("nobody")
    with studio.database.write() as session:
        session.add(User(id="bob", email="bob@example.org"))
    studio.personas.create("bob", {"name": "Ben"})
    with pytest.raises(InvalidInput, match="by its id"):
        studio.mover.chosen("ben")


def test_the_command_moves_and_says_where_vectors_are(
    studio: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap.override(studio)
    try:
        count = passages(studio)
        assert vectors.main(["move", "--to", "pinecone", "--clone", "ben"]) == 0
        said = capsys.readouterr().out
        assert f"ben: {count} passages moved to Pinecone." in said
        assert "STUDIO_VECTORS=pinecone" in said
        assert vectors.main(["status"]) == 0
        said = capsys.readouterr().out
        assert "New vectors go to the database." in said
        assert "The Pinecone index “clone-studio” answers" in said
        lines = {words[0]: words[1:] for line in said.splitlines() if (words := line.split())}
        assert lines["ben"] == ["0", str(count)]
        assert lines["eve"] == [str(count), "0"]
        assert vectors.main(["move", "--to", "database", "--clone", "nobody"]) == 1
        assert "There is no clone “nobody”" in capsys.readouterr().err
    finally:
        bootstrap.override(None)


def test_the_command_says_what_to_do_without_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    never_started = bootstrap.build(Settings(_env_file=None, STUDIO_DATA_DIR=tmp_path))
    bootstrap.override(never_started)
    try:
        assert vectors.main(["status"]) == 1
        assert "Start the studio once" in capsys.readouterr().err
    finally:
        bootstrap.override(None)
        never_started.database.dispose()

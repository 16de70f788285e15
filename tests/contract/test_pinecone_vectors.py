"""Vectors at Pinecone, through its own client against a strict and late server."""

import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from pydantic import SecretStr, ValidationError
from sqlmodel import select

from clone_studio.db import Database
from clone_studio.errors import (
    ProviderDown,
    ProviderError,
    ProviderQuota,
    ProviderRefused,
    ProviderTimeout,
)
from clone_studio.models import Chunk, RemoteVector, StoredFile
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.pinecone import PineconeVectors
from clone_studio.providers.search.pinecone_records import batches, records, vector_id
from clone_studio.providers.search.pinecone_service import PineconeService, Place
from clone_studio.settings import Settings
from tests.knowledge.remote import pinecone_settings, pinecone_vectors
from tests.knowledge.shelves import add_people
from tests.servers.pinecone_server import KEY, PineconeServer

MODEL, SIZE = "test-model", 8


@pytest.fixture
def server() -> Iterator[PineconeServer]:
    with PineconeServer(dimension=SIZE).running() as running:
        yield running


@pytest.fixture
def vectors(database: Database, server: PineconeServer) -> Iterator[PineconeVectors]:
    add_people(database)
    with closing(pinecone_vectors(database, server)) as made:
        yield made


def unit(count: int, seed: int = 1, size: int = SIZE) -> Vectors:
    made = np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def add_file(database: Database, file_id: str, chunks: int, persona: str = "franklin") -> None:
    with database.write() as session:
        values = {"persona_id": persona, "name": file_id, "size": 1, "sha256": file_id}
        session.add(StoredFile(id=file_id, storage_key=file_id, state="ready", **values))
        session.flush()
        for position in range(chunks):
            place = {"position": position, "page": 1, "start": 0, "end": 1, "text": "x"}
            session.add(
                Chunk(id=f"{file_id}-{position}", persona_id=persona, file_id=file_id, **place)
            )


def put(
    database: Database,
    store: PineconeVectors,
    file_id: str,
    made: Vectors,
    *,
    windows: list[tuple[str, int]] | None = None,
    persona: str = "franklin",
) -> None:
    pairs = windows or [(f"{file_id}-{position}", 0) for position in range(len(made))]
    store.send(persona, file_id, MODEL, pairs, made)
    with database.write() as session:
        store.add(session, persona, MODEL, pairs, made)


def near(store: PineconeVectors, query: Vectors, limit: int = 5) -> list[str]:
    return [hit.chunk_id for hit in store.search("franklin", MODEL, query, limit)]


def test_each_clone_has_a_namespace_and_each_vector_its_metadata(
    database: Database, server: PineconeServer, vectors: PineconeVectors
) -> None:
    add_file(database, "a", 1)
    put(database, vectors, "a", unit(1))
    name = vector_id("a-0", 0, MODEL)
    assert name.startswith("a-0#0#") and name.isascii()
    stored = server.committed["franklin"][name]
    assert stored["metadata"] == {"file": "a", "chunk": "a-0", "model": MODEL}
    assert server.committed.keys() == {"franklin"}


def test_two_models_stand_side_by_side(
    database: Database, server: PineconeServer, vectors: PineconeVectors
) -> None:
    add_file(database, "a", 1)
    put(database, vectors, "a", unit(1))
    vectors.send("franklin", "a", "another", [("a-0", 0)], unit(1, seed=2))
    assert len(server.ids("franklin")) == 2
    assert vectors.search("franklin", "another", unit(1, seed=2)[0], 5) == []
    assert near(vectors, unit(1)[0]) == ["a-0"]


def test_batches_keep_to_both_limits(database: Database, vectors: PineconeVectors) -> None:
    wide = unit(300, size=1536)
    pairs = [(f"chunk-{number:04}", 0) for number in range(300)]
    files = {chunk_id: "a" for chunk_id, _ in pairs}
    made = list(batches(records(files, MODEL, pairs, wide)))
    assert sum(map(len, made)) == 300
    assert 2 < len(made) < 10
    small = [{"id": str(number)} for number in range(2500)]
    assert [len(one) for one in batches(iter(small))] == [1000, 1000, 500]


def test_large_vectors_pass_a_server_that_counts_the_bytes(database: Database) -> None:
    add_people(database)
    with (
        PineconeServer(dimension=3072).running() as server,
        closing(pinecone_vectors(database, server)) as store,
    ):
        pairs = [(f"a-{number}", 0) for number in range(80)]
        store.send("franklin", "a", MODEL, pairs, unit(80, size=3072))
        assert len(server.ids("franklin")) == 80
        assert len(server.paths("/vectors/upsert")) > 1
        assert server.largest_body > 1_000_000


def test_a_vector_without_direction_is_left_out_and_counts_as_done(
    database: Database, server: PineconeServer, vectors: PineconeVectors
) -> None:
    add_file(database, "a", 2)
    made = unit(2)
    made[0] = 0
    put(database, vectors, "a", made)
    assert len(server.ids("franklin")) == 1
    with database.read() as session:
        assert vectors.lacking(session, MODEL, "a", -1, 10) == []
    vectors.confirm("franklin", "a", MODEL)
    assert vectors.search("franklin", MODEL, np.zeros(SIZE, np.float32), 5) == []


def test_what_was_taken_in_part_is_an_error(
    database: Database, server: PineconeServer, vectors: PineconeVectors
) -> None:
    add_file(database, "a", 3)
    server.modes = ["partial"]
    with pytest.raises(ProviderError, match="took 2 of 3 vectors") as caught:
        put(database, vectors, "a", unit(3))
    assert caught.value.retryable
    with database.read() as session:
        assert len(vectors.lacking(session, MODEL, "a", -1, 10)) == 3


@pytest.mark.parametrize("tells_lsn", [True, False])
def test_a_file_is_confirmed_when_a_query_shows_it(
    database: Database, server: PineconeServer, vectors: PineconeVectors, tells_lsn: bool
) -> None:
    server.tells_lsn, server.visible_after = tells_lsn, 4
    add_file(database, "a", 3)
    made = unit(3)
    put(database, vectors, "a", made)
    vectors.confirm("franklin", "a", MODEL)
    assert near(vectors, made[1])[0] == "a-1"


def test_what_is_not_shown_in_time_is_asked_for_again(
    database: Database, server: PineconeServer
) -> None:
    add_people(database)
    add_file(database, "a", 1)
    server.visible_after = 1000
    with closing(pinecone_vectors(database, server, confirm_seconds=0.2)) as store:
        put(database, store, "a", unit(1))
        with pytest.raises(ProviderTimeout, match="does not show them yet") as caught:
            store.confirm("franklin", "a", MODEL)
        assert caught.value.retryable


def test_filtered_candidates_starve_nothing(
    database: Database, server: PineconeServer, vectors: PineconeVectors
) -> None:
    add_file(database, "a", 450)
    query = unit(1)[0]
    made = np.tile(query, (450, 1)) + 0.02 * unit(450, seed=3)
    made[445:] = unit(5, seed=9)
    put(database, vectors, "a", made.astype(np.float32))
    with database.write() as session:
        for row in session.exec(select(Chunk).where(Chunk.position < 445)):
            row.enabled = False
    found = near(vectors, query, 3)
    assert len(found) == 3
    assert all(int(one.removeprefix("a-")) >= 445 for one in found)


def test_the_best_window_of_a_chunk_counts_and_old_windows_do_not(
    database: Database, vectors: PineconeVectors
) -> None:
    add_file(database, "a", 2)
    made = unit(4)
    pairs = [("a-0", 0), ("a-0", 1), ("a-1", 0), ("a-1", 1)]
    put(database, vectors, "a", made, windows=pairs)
    assert near(vectors, made[1]) == ["a-0", "a-1"]
    assert len(vectors.search("franklin", MODEL, made[1], 5)) == 2
    put(database, vectors, "a", made[2:3], windows=[("a-1", 0)])
    hits = {hit.chunk_id: hit.score for hit in vectors.search("franklin", MODEL, made[3], 5)}
    assert hits["a-1"] == pytest.approx(float(made[3] @ made[2]), abs=1e-4)


def test_what_is_not_noted_is_not_found(database: Database, vectors: PineconeVectors) -> None:
    add_file(database, "a", 1)
    vectors.send("franklin", "a", MODEL, [("a-0", 0), ("unknown", 0)], unit(2))
    assert near(vectors, unit(2)[0]) == []


def test_another_index_does_not_have_what_this_one_has(
    database: Database, server: PineconeServer, vectors: PineconeVectors
) -> None:
    add_file(database, "a", 1)
    put(database, vectors, "a", unit(1))
    given = Settings(_env_file=None, **pinecone_settings(server, PINECONE_INDEX="another"))
    other = PineconeVectors(database, lambda: given, sweep=lambda session, persona: None)
    assert vectors.keeps("franklin", MODEL) and not other.keeps("franklin", MODEL)
    with database.read() as session:
        assert other.files_lacking(session, MODEL) == {"a"}
        assert vectors.files_lacking(session, MODEL) == set()


@pytest.mark.parametrize(
    ("mode", "error", "words"),
    [
        ("401", ProviderRefused, "refuses the key"),
        ("402", ProviderQuota, "payment"),
        ("403", ProviderRefused, "does not allow this"),
        ("409", ProviderError, "Something else is changing"),
        ("413", ProviderRefused, "too large"),
    ],
)
def test_refusals_are_sentences(
    database: Database,
    server: PineconeServer,
    vectors: PineconeVectors,
    mode: str,
    error: type[ProviderError],
    words: str,
) -> None:
    add_file(database, "a", 1)
    server.always = mode
    with pytest.raises(error, match=words) as caught:
        put(database, vectors, "a", unit(1))
    assert type(caught.value) is error
    assert KEY not in caught.value.detail
    with database.read() as session:
        assert session.exec(select(RemoteVector)).all() == []


@pytest.mark.parametrize("mode", ["500", "503", "drop"])
def test_what_passes_by_itself_is_tried_again(
    database: Database, server: PineconeServer, vectors: PineconeVectors, mode: str
) -> None:
    add_file(database, "a", 1)
    server.modes = [mode]
    put(database, vectors, "a", unit(1))
    assert len(server.paths("/vectors/upsert")) == 2
    assert near(vectors, unit(1)[0]) == ["a-0"]


@pytest.mark.parametrize("mode", ["429", "hang"])
def test_a_question_does_not_wait_for_what_does_not_answer(
    database: Database, server: PineconeServer, mode: str
) -> None:
    add_people(database)
    add_file(database, "a", 1)
    with closing(pinecone_vectors(database, server, question_seconds=0.3)) as store:
        put(database, store, "a", unit(1))
        server.always = mode
        began = time.monotonic()
        with pytest.raises(ProviderTimeout, match=r"within 0\.3 seconds"):
            store.search("franklin", MODEL, unit(1)[0], 5)
        assert time.monotonic() - began < 1.5


def test_a_dead_server_is_spared_and_found_again(
    database: Database, server: PineconeServer
) -> None:
    add_people(database)
    given = Settings(_env_file=None, **pinecone_settings(server))
    store = PineconeVectors(database, lambda: given, sweep=lambda session, persona: None)
    with closing(store):
        add_file(database, "a", 1)
        put(database, store, "a", unit(1))
        server.always = "drop"
        for _ in range(2):
            with pytest.raises((ProviderDown, ProviderTimeout)):
                store.search("franklin", MODEL, unit(1)[0], 5)
        asked, began = len(server.requests), time.monotonic()
        for _ in range(50):
            with pytest.raises(ProviderDown, match="a moment ago"):
                store.search("franklin", MODEL, unit(1)[0], 5)
        assert time.monotonic() - began < 0.5
        # The client of an abandoned question may still be trying once or twice.
        assert len(server.requests) - asked < 5


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"dimension": 5}, "makes vectors of 8 numbers, and the Pinecone index"),
        ({"metric": "euclidean"}, "measures by euclidean"),
        ({"kind": "documents"}, "holds documents"),
        ({"ready": False}, "still being prepared"),
        ({"name": "renamed"}, "There is no index “clone-studio”"),
    ],
)
def test_an_index_that_does_not_fit_is_refused_before_anything_is_sent(
    database: Database,
    server: PineconeServer,
    vectors: PineconeVectors,
    values: dict[str, object],
    words: str,
) -> None:
    add_file(database, "a", 1)
    for name, value in values.items():
        setattr(server, name, value)
    with pytest.raises(ProviderError, match=words):
        vectors.check(SIZE)
    with pytest.raises(ProviderError, match=words):
        put(database, vectors, "a", unit(1))
    assert server.paths("/vectors/upsert") == []


def test_a_check_says_what_answers(vectors: PineconeVectors) -> None:
    assert vectors.check(SIZE) == (
        "The Pinecone index “clone-studio” answers and reports 0 vectors of 8 numbers, by cosine."
    )


@pytest.mark.parametrize(
    ("missing", "words"),
    [("PINECONE_API_KEY", "No Pinecone key"), ("PINECONE_INDEX", "name of the Pinecone index")],
)
def test_what_is_not_set_is_named(
    database: Database, server: PineconeServer, missing: str, words: str
) -> None:
    values = pinecone_settings(server, STUDIO_VECTORS="pinecone")
    del values[missing]
    given = Settings(_env_file=None, **values)
    store = PineconeVectors(database, lambda: given, sweep=lambda session, persona: None)
    assert not store.is_set
    with pytest.raises(ProviderRefused, match=words):
        store.check(SIZE)


def test_a_pasted_key_is_stripped_and_a_host_keeps_its_scheme(server: PineconeServer) -> None:
    given = Settings(_env_file=None, **pinecone_settings(server, PINECONE_API_KEY=f"{KEY}\n"))
    with closing(PineconeService(Place.of(given))) as service:
        assert service.describe().host.startswith("http://127.0.0.1:")
    assert KEY not in repr(Place(SecretStr(KEY), "index", None))
    with pytest.raises(ValidationError, match="http"):
        Settings(_env_file=None, PINECONE_HOST="localhost:5081")


def test_vectors_come_back_as_they_were_sent(
    database: Database, server: PineconeServer, vectors: PineconeVectors
) -> None:
    add_file(database, "a", 250)
    made = unit(250)
    put(database, vectors, "a", made)
    pairs = [(f"a-{position}", 0) for position in range(250)]
    found = vectors.fetch("franklin", MODEL, [*pairs, ("absent", 0)])
    assert found.keys() == set(pairs)
    assert np.array_equal(np.stack([found[pair] for pair in pairs]), made)
    assert vectors.listed("franklin", MODEL) == set(pairs)
    assert vectors.listed("franklin", "another") == set()
    assert all(len(one.path) < 8000 for one in server.paths("/vectors/fetch"))

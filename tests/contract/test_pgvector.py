"""Large clones on PostgreSQL: an index of their own, made and dropped as the rows want it."""

from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy import event, text
from sqlmodel import select

from clone_studio.db import Database
from clone_studio.errors import ProviderDown
from clone_studio.models import ChunkVector
from clone_studio.providers.search.database import DatabaseSearchIndex
from clone_studio.providers.search.pgvector import PgvectorStore
from tests.contract.test_search_index import SIZE, add, unit
from tests.knowledge.shelves import add_people

pytestmark = pytest.mark.engines("postgres")

# A model's name comes from the settings and may hold anything.
MODEL = "mxbai'; DROP TABLE users; --:v1 100%s"
COUNT = 900


@pytest.fixture
def store(database: Database) -> PgvectorStore:
    """A store for which 500 windows are many; both clones have 900 of the same."""
    made = PgvectorStore(database, exact_numbers=500 * SIZE)
    add_people(database)
    for persona in ("franklin", "emerson"):
        index = DatabaseSearchIndex(database, made)
        add(database, index, persona, ["lamp"] * COUNT, persona=persona)
        with database.write() as session:
            pairs = [(f"{persona}-{place}", 0) for place in range(COUNT)]
            made.add(session, persona, MODEL, pairs, unit(11, COUNT))
    return made


def indexes(database: Database) -> int:
    query = text("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'near%'")
    with database.read() as session:
        return int(session.connection().execute(query).scalar_one())


def wants(database: Database, store: PgvectorStore, persona: str, model: str | None) -> bool:
    with database.write() as session:
        return store.wants_tending(session, persona, model)


def nearest(store: PgvectorStore, queries: Sequence[np.ndarray]) -> list[list[str]]:
    return [[hit.chunk_id for hit in store.search("franklin", MODEL, one, 5)] for one in queries]


def test_an_index_finds_what_comparing_finds(database: Database, store: PgvectorStore) -> None:
    queries = [*unit(12, 40) * 0.5 + unit(11, COUNT)[::20][:40]]
    queries = [one / np.linalg.norm(one) for one in queries]
    exact = nearest(store, queries)
    assert wants(database, store, "franklin", MODEL)
    store.tend()
    assert not wants(database, store, "franklin", MODEL)
    found = nearest(store, queries)
    assert sum(a[0] == b[0] for a, b in zip(exact, found, strict=True)) == len(queries)
    shared = [len(set(a) & set(b)) for a, b in zip(exact, found, strict=True)]
    assert sum(shared) >= 0.9 * 5 * len(queries)
    assert {one.split("-")[0] for few in found for one in few} == {"franklin"}
    assert store.search("franklin", MODEL, unit(3)[0][:8], 5) == []


def test_the_index_is_the_one_that_is_read(database: Database, store: PgvectorStore) -> None:
    store.tend()
    plans: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def _explained(_c: object, cursor: object, statement: str, values: object, *_: object) -> None:
        if statement.startswith("WITH rough"):
            cursor.execute("SET LOCAL enable_seqscan = off")  # type: ignore[attr-defined]
            cursor.execute(f"EXPLAIN {statement}", values)  # type: ignore[attr-defined]
            plans.extend(row[0] for row in cursor.fetchall())  # type: ignore[attr-defined]

    store.search("franklin", MODEL, unit(5)[0], 5)
    assert any("using near_" in line for line in plans)


def test_an_index_goes_with_its_clone(database: Database, store: PgvectorStore) -> None:
    store.tend()
    # Two clones with two models each: `add` gave them the vectors of the other tests' model.
    assert indexes(database) == 4
    with database.write() as session:
        store.remove_persona(session, "franklin")
        assert store.wants_tending(session, "franklin")
    store.tend()
    assert indexes(database) == 2
    assert not wants(database, store, "franklin", None)


def test_an_index_that_was_cut_off_is_made_anew(database: Database, store: PgvectorStore) -> None:
    store.tend()
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN"
                " (SELECT oid FROM pg_class WHERE relname LIKE 'near%')"
            )
        )
    assert wants(database, store, "franklin", MODEL)
    assert len(nearest(store, unit(5, 1))[0]) == 5
    store.tend()
    assert not wants(database, store, "franklin", MODEL)


def test_only_one_process_makes_indexes(database: Database, store: PgvectorStore) -> None:
    with database.alone("vector indexes") as is_alone, pytest.raises(ProviderDown):
        assert is_alone
        store.tend()
    store.tend()
    assert indexes(database) == 4


def test_a_vector_comes_back_as_it_went_in(database: Database, store: PgvectorStore) -> None:
    made = unit(11, COUNT)
    with database.read() as session:
        rows = session.exec(
            select(ChunkVector.vector)
            .where(ChunkVector.persona_id == "franklin", ChunkVector.model == MODEL)
            .order_by(ChunkVector.id)
        ).all()
    assert b"".join(rows) == made.astype("<f4").tobytes()
    odd = np.array([0.1, -1e-30, 1 / 3], "<f4").tobytes()
    with database.write() as session:
        row = session.exec(select(ChunkVector).limit(1)).one()
        key, row.vector = row.id, odd
    with database.read() as session:
        assert session.get_one(ChunkVector, key).vector == odd

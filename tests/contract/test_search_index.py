"""What every search index keeps to."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import numpy as np
import pytest
from sqlmodel import Session, select

from clone_studio.db import Database
from clone_studio.models import Chunk, DocumentPage, Persona, StoredFile
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search import vectors as vectors_module
from clone_studio.providers.search.database import DatabaseSearchIndex
from clone_studio.providers.search.protocol import SearchIndex
from clone_studio.providers.search.segment import segments
from clone_studio.providers.search.vectors import packed_signs
from tests.knowledge.remote import pinecone_vectors
from tests.knowledge.shelves import add_people
from tests.servers.pinecone_server import PineconeServer

MODEL, SIZE = "test", 64


Open = Callable[[], SearchIndex]


@pytest.fixture(params=["database", "pinecone"])
def opened(request: pytest.FixtureRequest, database: Database) -> Iterator[Open]:
    """What opens the index once more, as another process would."""
    add_people(database)
    if request.param == "database":
        yield lambda: DatabaseSearchIndex(database)
        return
    with ExitStack() as stack:
        server = stack.enter_context(PineconeServer(dimension=SIZE, visible_after=3).running())

        def opening() -> SearchIndex:
            vectors = stack.enter_context(closing(pinecone_vectors(database, server)))
            return DatabaseSearchIndex(database, vectors)

        yield opening


@pytest.fixture
def index(opened: Open) -> SearchIndex:
    return opened()


def unit(seed: int, count: int = 1) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    made = np.random.default_rng(seed).standard_normal((count, SIZE)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def add(
    database: Database,
    index: SearchIndex,
    file_id: str,
    texts: list[str],
    *,
    persona: str = "franklin",
    state: str = "ready",
) -> None:
    with database.write() as session:
        session.add(
            StoredFile(
                id=file_id,
                persona_id=persona,
                name=file_id,
                size=1,
                sha256=file_id,
                storage_key=file_id,
                state=state,
            )
        )
        session.flush()
        for position, text in enumerate(texts):
            values = {"persona_id": persona, "file_id": file_id, "position": position, "page": 1}
            chunk_id = f"{file_id}-{position}"
            session.add(Chunk(id=chunk_id, start=0, end=len(text), text=text, **values))
        session.add(DocumentPage(file_id=file_id, number=1, text=" ".join(texts)))
        session.flush()
        for segment in segments(text.split() for text in texts):
            index.add(session, persona, file_id, segment)
    pairs = [(f"{file_id}-{position}", 0) for position in range(len(texts))]
    put(database, index, file_id, pairs, np.concatenate([unit(len(one)) for one in texts]), persona)


def put(
    database: Database,
    index: SearchIndex,
    file_id: str,
    pairs: list[tuple[str, int]],
    made: Vectors,
    persona: str = "franklin",
) -> None:
    index.send_vectors(persona, file_id, MODEL, pairs, made)
    with database.write() as session:
        index.add_vectors(session, persona, MODEL, pairs, made)
        bump(session, persona)
    index.confirm_vectors(persona, file_id, MODEL)


def bump(session: Session, persona: str) -> None:
    row = session.get_one(Persona, persona)
    row.knowledge_revision += 1
    session.add(row)


def found(index: SearchIndex, *terms: str, persona: str = "franklin") -> list[str]:
    return [hit.chunk_id for hit in index.keyword(persona, terms, 10)]


def near(index: SearchIndex, text: str, persona: str = "franklin") -> list[str]:
    return [hit.chunk_id for hit in index.vector(persona, MODEL, unit(len(text))[0], 10)]


def test_rare_and_frequent_terms_rank_first(database: Database, index: SearchIndex) -> None:
    add(database, index, "a", ["lamp sea", "lamp lamp sea", "sea sea", "sea wind", "wind"])
    assert found(index, "lamp") == ["a-1", "a-0"]
    assert found(index, "lamp", "sea")[:2] == ["a-1", "a-0"]
    assert found(index, "absent") == []
    assert found(index) == []
    scores = [hit.score for hit in index.keyword("franklin", ["lamp", "sea"], 10)]
    assert scores == sorted(scores, reverse=True)


def test_the_nearest_vector_is_first(database: Database, index: SearchIndex) -> None:
    add(database, index, "a", ["x", "xx", "xxx"])
    hits = index.vector("franklin", MODEL, unit(2)[0], 2)
    assert hits[0].chunk_id == "a-1"
    assert hits[0].score == pytest.approx(1, abs=1e-5)
    assert len(hits) == 2
    assert index.vector("franklin", "another model", unit(2)[0], 2) == []


def test_personas_are_apart(database: Database, index: SearchIndex) -> None:
    add(database, index, "a", ["lamp x"])
    add(database, index, "b", ["lamp yy"], persona="emerson")
    assert found(index, "lamp") == ["a-0"]
    assert near(index, "lamp yy") == ["a-0"]
    assert found(index, "lamp", persona="emerson") == ["b-0"]
    assert index.counts("franklin", ["lamp", "yy"]).holding == {"lamp": 1, "yy": 0}


@pytest.mark.parametrize("state", ["processing", "failed"])
def test_files_that_are_not_ready_are_not_found(
    database: Database, index: SearchIndex, state: str
) -> None:
    add(database, index, "a", ["lamp x"], state=state)
    assert found(index, "lamp") == []
    assert near(index, "lamp x") == []
    assert index.counts("franklin", ["lamp"]).chunks == 0


def test_what_is_deleted_is_gone_at_once_for_every_process(
    database: Database, index: SearchIndex, opened: Open
) -> None:
    other = opened()
    add(database, index, "a", ["lamp x"])
    add(database, index, "b", ["lamp yy"])
    assert len(found(other, "lamp")) == len(near(other, "lamp x")) == 2
    with database.write() as session:
        index.remove_file(session, "franklin", "a")
        session.delete(session.get_one(StoredFile, "a"))
        bump(session, "franklin")
    assert found(other, "lamp") == ["b-0"]
    assert near(other, "lamp x") == ["b-0"]


def test_what_is_added_is_found_at_once_by_every_process(
    database: Database, index: SearchIndex, opened: Open
) -> None:
    other = opened()
    assert found(other, "lamp") == []
    assert near(other, "lamp x") == []
    add(database, index, "a", ["lamp x"])
    assert found(other, "lamp") == ["a-0"]
    assert near(other, "lamp x") == ["a-0"]


def test_disabled_chunks_are_not_found(database: Database, index: SearchIndex) -> None:
    add(database, index, "a", ["lamp x", "lamp yy", "lamp zzz"])
    assert len(found(index, "lamp")) == 3
    with database.write() as session:
        session.get_one(Chunk, "a-1").enabled = False
    assert set(found(index, "lamp")) == {"a-0", "a-2"}
    assert set(near(index, "lamp yy")) == {"a-0", "a-2"}


def test_removing_a_persona_removes_only_its_own(database: Database, index: SearchIndex) -> None:
    add(database, index, "a", ["lamp x"])
    add(database, index, "b", ["lamp x"], persona="emerson")
    with database.write() as session:
        index.remove_persona(session, "franklin")
        bump(session, "franklin")
    assert found(index, "lamp") == near(index, "lamp x") == []
    assert found(index, "lamp", persona="emerson") == ["b-0"]


def test_vectors_given_twice_are_replaced(database: Database, index: SearchIndex) -> None:
    add(database, index, "a", ["x"])
    put(database, index, "a", [("a-0", 0), ("a-0", 1)], unit(5, 2))
    hits = index.vector("franklin", MODEL, unit(5, 2)[1], 5)
    assert [hit.chunk_id for hit in hits] == ["a-0"]
    assert hits[0].score == pytest.approx(1, abs=1e-5)


def test_vectors_of_another_size_are_left_alone(database: Database, index: SearchIndex) -> None:
    add(database, index, "a", ["x"])
    short = np.ones(8, np.float32) / np.sqrt(np.float32(8))
    assert index.vector("franklin", MODEL, short, 5) == []
    assert near(index, "x") == ["a-0"]


def test_many_vectors_are_found_by_their_signs(database: Database, index: SearchIndex) -> None:
    count = vectors_module.CANDIDATES * 4
    add(database, index, "a", ["lamp"] * count)
    made = unit(11, count)
    pairs = [(f"a-{position}", 0) for position in range(count)]
    put(database, index, "a", pairs, made)
    noise = unit(12, 40) * 0.4
    hits = 0
    for place in range(40):
        query = made[place * 7] + noise[place]
        best = index.vector("franklin", MODEL, query / np.linalg.norm(query), 1)[0]
        hits += best.chunk_id == f"a-{place * 7}"
    assert hits == 40


def test_many_chunks_in_many_segments_keep_their_places(
    database: Database, index: SearchIndex
) -> None:
    texts = [f"common word{number}" for number in range(4500)]
    add(database, index, "a", texts)
    add(database, index, "b", ["common needle"])
    for number in (0, 1999, 2000, 4000, 4499):
        assert found(index, f"word{number}") == [f"a-{number}"]
    assert found(index, "needle") == ["b-0"]
    assert index.counts("franklin", ["common"]).holding == {"common": 4501}
    with database.read() as session:
        assert session.exec(select(Chunk).where(Chunk.id == "a-4499")).one().text == texts[-1]


def test_signs_have_one_bit_a_dimension() -> None:
    signs = packed_signs(np.array([[1.0, -1.0] * 40], np.float32))
    assert signs.shape == (1, 2)
    assert int(np.bitwise_count(signs).sum()) == 40


def test_models_are_counted_and_forgotten_one_by_one(
    database: Database, index: SearchIndex
) -> None:
    add(database, index, "a", ["x", "yy", "zzz"])
    add(database, index, "b", ["x"], state="processing")
    add(database, index, "c", ["x"], persona="emerson")
    pairs = [("a-0", 0), ("a-0", 1), ("a-1", 0)]
    with database.write() as session:
        index.send_vectors("franklin", "a", "other", pairs, unit(9, 3))
        index.add_vectors(session, "franklin", "other", pairs, unit(9, 3))
        bump(session, "franklin")
    index.confirm_vectors("franklin", "a", "other")
    with database.read() as session:
        assert index.models(session, "franklin") == {MODEL, "other"}
        assert index.models(session, "emerson") == {MODEL}
        assert index.embedded(session, "franklin", "other") == 2
        assert index.embedded(session, "franklin", MODEL) == 3, "of ready files alone"
        assert index.embedded(session, "franklin", "absent") == 0
    assert index.vector("franklin", "other", unit(9, 3)[2], 1)[0].chunk_id == "a-1"
    turns = 1
    while True:
        with database.write() as session:
            if not index.forget_model(session, "franklin", "other", 1):
                break
        turns += 1
    assert turns >= 2, "no more than was allowed at once"
    assert index.vector("franklin", "other", unit(9, 3)[2], 1) == []
    assert near(index, "yy")[0] == "a-1"
    with database.read() as session:
        assert index.models(session, "franklin") == {MODEL}
        assert index.models(session, "emerson") == {MODEL}

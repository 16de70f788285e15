"""Moves the vectors of clones between the studio's rows and a service elsewhere.

Nothing is embedded anew: vectors are copied, the copy is counted and compared, and only then is
the original deleted. A search looks in both places, so a clone is found by meaning all the time,
and a move that was cut off is simply begun again.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from clone_studio.db import Database
from clone_studio.errors import InvalidInput, NotFound, ProviderError, ProviderTimeout
from clone_studio.models import Chunk, ChunkVector, Persona, RemoteVector
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.protocol import RemoteVectors, VectorStore
from clone_studio.services.knowledge.shelf import bump_revision

Target = Literal["pinecone", "database"]
Window = tuple[str, int]

CHUNKS_AT_ONCE = 100
SAMPLES = 50
TOLERANCE = 1e-5
SHOWN_SECONDS = 120.0
LOOK_EVERY = 0.5


@dataclass(frozen=True)
class Standing:
    """Where the passages of a clone have their vectors: counts of passages."""

    persona_id: str
    slug: str
    name: str
    in_database: int
    elsewhere: int


@dataclass(frozen=True)
class Moved:
    """What a move did, in passages.

    `missing` were not where they were noted: the studio embeds them again. `unfit` have vectors
    of another model, of a size that the index does not take; those stay.
    """

    passages: int
    missing: int = 0
    unfit: int = 0


class VectorMover:
    """Moves one clone at a time. Blocking; the studio may run meanwhile.

    Args:
        database: Where rows and notes are.
        rows: Keeps vectors in the studio's rows.
        remote: Keeps them elsewhere.
        shown_seconds: How long the service may take to show what it was sent.
    """

    def __init__(
        self,
        database: Database,
        *,
        rows: VectorStore,
        remote: RemoteVectors,
        shown_seconds: float = SHOWN_SECONDS,
    ) -> None:
        self._database = database
        self._rows = rows
        self._remote = remote
        self._shown_seconds = shown_seconds

    def standings(self) -> list[Standing]:
        """Return every clone with the places of its vectors, by slug."""
        with self._database.read() as session:
            clones = session.exec(select(Persona).order_by(Persona.slug, Persona.id)).all()
            here, there = _counts(session, ChunkVector), _counts(session, RemoteVector)
        return [
            Standing(it.id, it.slug, it.name, here.get(it.id, 0), there.get(it.id, 0))
            for it in clones
        ]

    def chosen(self, ref: str | None) -> list[Standing]:
        """Return the clone with this slug or id, or every clone.

        Raises:
            NotFound: There is none.
            InvalidInput: Several users have a clone with this slug.
        """
        found = [
            one for one in self.standings() if ref is None or ref in {one.slug, one.persona_id}
        ]
        if ref is not None and not found:
            raise NotFound(f"There is no clone “{ref}”. ./studio vectors status names them all.")
        if ref is not None and len(found) > 1:
            ids = ", ".join(one.persona_id for one in found)
            raise InvalidInput(f"Several users have a clone “{ref}”. Name one by its id: {ids}.")
        return found

    def move(self, persona_id: str, to: Target) -> Moved:
        """Move the vectors of a clone, of every embedding model that has any.

        Raises:
            ProviderError: The service does not answer, refuses, or the copy is not the original:
                the original stays, and the move can be begun again.
        """
        if to == "pinecone":
            fitting, unfit = self._models_in_rows(persona_id)
            done = [self._to_service(persona_id, model) for model in fitting]
        else:
            with self._database.read() as session:
                noted = self._remote.noted_models(session, persona_id)
            done, unfit = [self._to_rows(persona_id, model) for model in noted], 0
        if done:
            with self._database.write() as session:
                bump_revision(session, persona_id)
                self._remote.request_sweep(session, persona_id)
        return Moved(sum(it.passages for it in done), sum(it.missing for it in done), unfit)

    def _models_in_rows(self, persona_id: str) -> tuple[list[str], int]:
        """Return the models whose vectors the service takes, and how many passages have others.

        Raises:
            ProviderError: It takes those of none.
        """
        bytes_each = func.max(func.length(ChunkVector.vector))
        passages = func.count(func.distinct(ChunkVector.chunk_id))
        query = select(ChunkVector.model, bytes_each, passages).where(
            ChunkVector.persona_id == persona_id
        )
        with self._database.read() as session:
            found = session.exec(query.group_by(ChunkVector.model)).all()
        if not found:
            return [], 0
        size = self._remote.dimension()
        fitting = sorted(model for model, length, _ in found if length == 4 * size)
        if not fitting:
            self._remote.check(found[0][1] // 4)
        return fitting, sum(count for model, _, count in found if model not in fitting)

    def _to_service(self, persona_id: str, model: str) -> Moved:
        shown = self._remote.listed(persona_id, model)
        moving: list[str] = []
        wanted: set[Window] = set()
        for chunk_ids in self._pages(persona_id, model, _chunks_in_rows):
            vectors = self._row_vectors(model, chunk_ids)
            # The note comes first: what is there without one may be deleted as unknown.
            with self._database.write() as session:
                file_of = _existing(session, chunk_ids)
                self._remote.forget(session, model, list(file_of))
                pairs = [pair for pair in vectors if pair[0] in file_of]
                self._remote.add(session, persona_id, model, pairs, _stacked(vectors, pairs))
            moving += file_of
            # A vector of zeros has no direction: no service takes it, and no search finds it.
            wanted |= {pair for pair in pairs if vectors[pair].any()}
            absent = [pair for pair in pairs if pair not in shown]
            for file_id in set(file_of.values()):
                of_file = [pair for pair in absent if file_of[pair[0]] == file_id]
                if of_file:
                    sent = _stacked(vectors, of_file)
                    self._remote.send(persona_id, file_id, model, of_file, sent)
        if wanted:
            self._wait_until_shown(persona_id, model, wanted)
            self._compare(persona_id, model, wanted)
        for some in _parts(moving):
            with self._database.write() as session:
                session.execute(
                    delete(ChunkVector).where(
                        col(ChunkVector.chunk_id).in_(some), col(ChunkVector.model) == model
                    )
                )
        return Moved(len(moving))

    def _to_rows(self, persona_id: str, model: str) -> Moved:
        moved: list[str] = []
        missing: list[str] = []
        wanted: set[Window] = set()
        for chunk_ids in self._pages(persona_id, model, self._chunks_noted):
            with self._database.read() as session:
                noted = self._remote.noted(session, model, chunk_ids)
            pairs = [(one, number) for one, count in noted.items() for number in range(count)]
            found = self._remote.fetch(persona_id, model, pairs)
            whole = {
                one
                for one, count in noted.items()
                if count and all((one, number) in found for number in range(count))
            }
            with self._database.write() as session:
                file_of = _existing(session, list(noted))
                kept = [pair for pair in found if pair[0] in whole and pair[0] in file_of]
                self._rows.add(session, persona_id, model, kept, _stacked(found, kept))
            wanted |= set(kept)
            moved += [one for one in file_of if one in whole]
            missing += [one for one in file_of if one not in whole]
        if self._row_windows(model, moved) < wanted:
            raise ProviderError("Not every vector was stored. Begin the move again.")
        self._compare(persona_id, model, wanted)
        for some in _parts(moved + missing):
            with self._database.write() as session:
                self._remote.forget(session, model, some)
        return Moved(len(moved), len(missing))

    def _wait_until_shown(self, persona_id: str, model: str, wanted: set[Window]) -> None:
        """Wait until the service lists every window whose passage still exists."""
        ends = time.monotonic() + self._shown_seconds
        while True:
            absent = wanted - self._remote.listed(persona_id, model)
            absent &= self._row_windows(model, [one for one, _ in absent])
            if not absent:
                return
            if time.monotonic() > ends:
                raise ProviderTimeout(
                    f"{len(absent):,} vectors were sent and are not shown yet. What is in the "
                    "database stays there. Begin the move again in a few minutes."
                )
            time.sleep(LOOK_EVERY)

    def _compare(self, persona_id: str, model: str, wanted: set[Window]) -> None:
        """Compare some vectors at the service with those in rows, picked at random."""
        picked = random.sample(sorted(wanted), min(SAMPLES, len(wanted)))
        there = self._remote.fetch(persona_id, model, picked)
        for pair, ours in self._row_vectors(model, [one for one, _ in picked]).items():
            if pair not in picked:
                continue
            if pair not in there or not np.allclose(ours, there[pair], atol=TOLERANCE):
                raise ProviderError(
                    "A vector at the service is not what is in the database. Nothing was deleted. "
                    "Begin the move again."
                )

    def _pages(
        self, persona_id: str, model: str, page: Callable[[Session, str, str, str], list[str]]
    ) -> Iterator[list[str]]:
        """Yield ids of chunks, some at a time, as `page` returns those after an id."""
        after = ""
        while True:
            with self._database.read() as session:
                ids = page(session, persona_id, model, after)
            if not ids:
                return
            yield ids
            after = ids[-1]

    def _chunks_noted(self, session: Session, persona_id: str, model: str, after: str) -> list[str]:
        return self._remote.noted_chunks(session, persona_id, model, after, CHUNKS_AT_ONCE)

    def _row_vectors(self, model: str, chunk_ids: Sequence[str]) -> dict[Window, Vectors]:
        query = select(ChunkVector.chunk_id, ChunkVector.window, ChunkVector.vector).where(
            col(ChunkVector.chunk_id).in_(chunk_ids), ChunkVector.model == model
        )
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(ChunkVector.id))).all()
        return {(one, window): np.frombuffer(vector, "<f4") for one, window, vector in rows}

    def _row_windows(self, model: str, chunk_ids: Sequence[str]) -> set[Window]:
        found: set[Window] = set()
        with self._database.read() as session:
            for some in _parts(list(dict.fromkeys(chunk_ids))):
                query = select(ChunkVector.chunk_id, ChunkVector.window).where(
                    col(ChunkVector.chunk_id).in_(some), ChunkVector.model == model
                )
                found |= set(session.exec(query).all())
        return found


def _parts(chunk_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(chunk_ids), CHUNKS_AT_ONCE):
        yield chunk_ids[start : start + CHUNKS_AT_ONCE]


def _stacked(vectors: Mapping[Window, Vectors], pairs: Sequence[Window]) -> Vectors:
    """Return the vectors of `pairs`, one a row."""
    if not pairs:
        return np.zeros((0, 0), np.float32)
    return np.stack([vectors[pair] for pair in pairs]).astype(np.float32)


def _existing(session: Session, chunk_ids: Sequence[str]) -> dict[str, str]:
    """Return those chunks that were not deleted meanwhile, with the file of each."""
    query = select(Chunk.id, Chunk.file_id).where(col(Chunk.id).in_(chunk_ids))
    return dict(session.exec(query).all())


def _chunks_in_rows(session: Session, persona_id: str, model: str, after: str) -> list[str]:
    query = (
        select(ChunkVector.chunk_id)
        .where(
            ChunkVector.persona_id == persona_id,
            ChunkVector.model == model,
            ChunkVector.chunk_id > after,
        )
        .distinct()
        .order_by(ChunkVector.chunk_id)
        .limit(CHUNKS_AT_ONCE)
    )
    return list(session.exec(query).all())


def _counts(session: Session, table: type[ChunkVector] | type[RemoteVector]) -> dict[str, int]:
    """Return how many passages have vectors in `table`, by clone."""
    query = select(table.persona_id, func.count(func.distinct(table.chunk_id)))
    return dict(session.exec(query.group_by(table.persona_id)).all())

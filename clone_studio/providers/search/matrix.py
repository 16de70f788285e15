"""The vectors of a persona as one matrix in memory, kept up to date from the database."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import func
from sqlmodel import col, select

from clone_studio.db import Database
from clone_studio.models import ChunkVector
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.protocol import Hit

MAX_BYTES = 1_500_000_000
_ROWS = 4096


@dataclass
class _Matrix:
    """Vectors of one persona and model, in the order of their row ids."""

    vectors: Vectors
    chunk_ids: list[str]
    last_id: int = 0
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class VectorCache:
    """Finds the nearest windows of a persona by the exact cosine.

    What was appended to the table since the last search is read before each search; what was
    deleted is noticed by the number of rows. Of all personas together at most 1.5 GB are held,
    the ones searched longest ago are dropped first.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lock = threading.Lock()
        self._matrices: OrderedDict[tuple[str, str], _Matrix] = OrderedDict()

    def forget(self, persona_id: str) -> None:
        """Drop a persona's matrices; the next search reads them anew."""
        with self._lock:
            for known in [known for known in self._matrices if known[0] == persona_id]:
                del self._matrices[known]

    def best(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the `limit` chunks whose best window is nearest to `query`, best first."""
        matrix = self._current(persona_id, model)
        with matrix.lock:
            vectors, chunk_ids = matrix.vectors[: matrix.count], matrix.chunk_ids
        if not len(vectors) or vectors.shape[1] != query.shape[0]:
            return []
        scores = vectors @ query
        wanted = min(len(scores), limit * 4)
        nearest = np.argpartition(-scores, wanted - 1)[:wanted]
        best: dict[str, float] = {}
        for row in nearest[np.argsort(-scores[nearest])]:
            best.setdefault(chunk_ids[row], float(scores[row]))
            if len(best) >= limit:
                break
        return [Hit(chunk_id, score) for chunk_id, score in best.items()]

    def _current(self, persona_id: str, model: str) -> _Matrix:
        with self._lock:
            matrix = self._matrices.get((persona_id, model))
            if matrix is None:
                matrix = _Matrix(np.empty((0, 0), dtype=np.float32), [])
                self._matrices[persona_id, model] = matrix
            self._matrices.move_to_end((persona_id, model))
            self._shrink()
        with matrix.lock:
            self._catch_up(matrix, persona_id, model)
        return matrix

    def _shrink(self) -> None:
        held = sum(matrix.vectors.nbytes for matrix in self._matrices.values())
        while held > MAX_BYTES and len(self._matrices) > 1:
            _, oldest = self._matrices.popitem(last=False)
            held -= oldest.vectors.nbytes

    def _catch_up(self, matrix: _Matrix, persona_id: str, model: str) -> None:
        mine = (ChunkVector.persona_id == persona_id, ChunkVector.model == model)
        with self._db.read() as session:
            count, last = session.exec(
                select(func.count(), func.max(col(ChunkVector.id))).where(*mine)
            ).one()
            if count == matrix.count and (last or 0) == matrix.last_id:
                return
            grown = session.exec(
                select(func.count()).where(*mine, col(ChunkVector.id) > matrix.last_id)
            ).one()
            if matrix.count + grown != count:
                matrix.vectors = np.empty((0, 0), dtype=np.float32)
                matrix.chunk_ids, matrix.last_id, matrix.count = [], 0, 0
            statement = (
                select(ChunkVector.id, ChunkVector.chunk_id, ChunkVector.vector)
                .where(*mine, col(ChunkVector.id) > matrix.last_id)
                .order_by(col(ChunkVector.id))
                .execution_options(yield_per=_ROWS)
            )
            for rows in session.exec(statement).partitions(_ROWS):
                self._append(matrix, rows, count)

    @staticmethod
    def _append(matrix: _Matrix, rows: Sequence[Any], expected: int) -> None:
        added = np.frombuffer(b"".join(row[2] for row in rows), dtype="<f4").reshape(len(rows), -1)
        needed = matrix.count + len(added)
        if needed > len(matrix.vectors):
            # Spare room, so that a growing persona does not copy everything at each batch.
            room = np.empty((max(needed, expected + expected // 8), added.shape[1]), np.float32)
            if matrix.count:
                room[: matrix.count] = matrix.vectors[: matrix.count]
            matrix.vectors = room
        matrix.vectors[matrix.count : needed] = added
        matrix.chunk_ids = [*matrix.chunk_ids, *(row[1] for row in rows)]
        matrix.count, matrix.last_id = needed, rows[-1][0]

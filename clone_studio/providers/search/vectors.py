"""Vector search: one bit a dimension in memory to find, the full vectors of the rows to rank.

The rows of `chunk_vectors` are the truth. A process remembers for each window its row's id and
the signs of its vector, 56 bytes at 384 dimensions instead of 1,536. A search takes the windows
whose signs differ least from the question's, reads their rows, ranks them by exact cosine and
leaves out what is disabled or not ready; what is deleted has no row, on any process. Signs
first and full vectors second is known as binary quantisation with rescoring.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, insert, text
from sqlmodel import Session

from clone_studio.db import Database
from clone_studio.models import ChunkVector
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.protocol import Hit
from clone_studio.providers.search.vector_rows import RowVectors

CANDIDATES = 200
# Signs kept in memory, all personas together; the ones used longest ago go first.
MEMORY_BYTES = 256 * 1024 * 1024
_LOAD_ROWS = 4096

_REVISION = text("SELECT knowledge_revision FROM personas WHERE id = :persona")
_NEW = text(
    "SELECT id, vector FROM chunk_vectors WHERE persona_id = :persona AND model = :model"
    " AND id > :last ORDER BY id"
)
_IDS = text("SELECT id FROM chunk_vectors WHERE persona_id = :persona AND model = :model")
# Lists go in as one JSON value: binding hundreds of values takes longer than reading the rows.
# The persona is compared here and not there, or SQLite walks all of its rows by that index.
_FULL = text(
    "SELECT persona_id, chunk_id, vector FROM chunk_vectors"
    " WHERE id IN (SELECT value FROM json_each(:ids))"
)
_SERVED = text(
    "SELECT c.id FROM chunks c JOIN files f ON f.id = c.file_id"
    " WHERE c.id IN (SELECT value FROM json_each(:chunks))"
    " AND c.enabled = true AND f.state IN ('ready', 'ready_with_warnings')"
)
_DELETE = text("DELETE FROM chunk_vectors WHERE model = :model AND chunk_id IN :chunks").bindparams(
    bindparam("chunks", expanding=True)
)

Words = NDArray[np.uint64]
Ids = NDArray[np.int64]


@dataclass
class _Signs:
    """What is remembered of one persona and model: ids and signs of the windows, by place."""

    lock: Lock = field(default_factory=Lock)
    dimension: int = 0
    revision: int = -1
    last_id: int = 0
    ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    signs: Words = field(default_factory=lambda: np.empty((0, 0), np.uint64))

    def forget(self, dimension: int) -> None:
        """Begin anew for vectors of another size, as a server that was exchanged may give."""
        self.dimension, self.revision, self.last_id = dimension, -1, 0
        self.ids = np.empty(0, np.int64)
        self.signs = np.empty((0, -(-dimension // 64)), np.uint64)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self.ids.nbytes + self.signs.nbytes


class VectorIndex(RowVectors):
    """The vector half of the database's search index."""

    def __init__(self, database: Database, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._database = database
        self._memory_bytes = memory_bytes
        self._known: OrderedDict[tuple[str, str], _Signs] = OrderedDict()
        self._lock = Lock()

    def add(
        self,
        session: Session,
        persona_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Store the vectors of `(chunk_id, window)` pairs; those of their chunks are replaced."""
        if not windows:
            return
        chunks = list(dict.fromkeys(chunk_id for chunk_id, _ in windows))
        session.connection().execute(_DELETE, {"model": model, "chunks": chunks})
        rows = [
            {
                "persona_id": persona_id,
                "chunk_id": chunk_id,
                "model": model,
                "window": window,
                "vector": vector.tobytes(),
            }
            for (chunk_id, window), vector in zip(windows, vectors.astype("<f4"), strict=True)
        ]
        session.execute(insert(ChunkVector), rows)

    def wants_tending(self, session: Session, persona_id: str, model: str | None = None) -> bool:
        """Say no: what is in memory follows the rows at each search."""
        return False

    def tend(self) -> None:
        """Do nothing."""

    def forget_model(self, session: Session, persona_id: str, model: str, limit: int) -> bool:
        """Forget a persona's vectors of `model`, of at most `limit` chunks; True if some remain."""
        remain = super().forget_model(session, persona_id, model, limit)
        if not remain:
            with self._lock:
                self._known.pop((persona_id, model), None)
        return remain

    def search(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the best `limit` chunks by the cosine of their best window, best first."""
        if limit < 1:
            return []
        with self._database.read() as session:
            known = self._current(session, persona_id, model, query.size)
            candidates = _nearest(known, query)
            if not candidates:
                return []
            rows = session.connection().execute(_FULL, {"ids": json.dumps(candidates)})
            own = [
                (chunk_id, vector)
                for owner, chunk_id, vector in rows
                if owner == persona_id and len(vector) == query.size * 4
            ]
            ranked = _ranked(own, query)
            return _served(session, ranked, limit)

    def _current(self, session: Session, persona_id: str, model: str, size: int) -> _Signs:
        """Return the signs as this snapshot has them, reading only what is new."""
        with self._lock:
            known = self._known.setdefault((persona_id, model), _Signs())
            self._known.move_to_end((persona_id, model))
        with known.lock:
            if known.dimension != size:
                known.forget(size)
            _refresh(session, known, persona_id, model)
            current = _Signs(ids=known.ids, signs=known.signs)
        self._forget_oldest()
        return current

    def _forget_oldest(self) -> None:
        with self._lock:
            total = sum(signs.size for signs in self._known.values())
            while total > self._memory_bytes and len(self._known) > 1:
                _, oldest = self._known.popitem(last=False)
                total -= oldest.size


def _refresh(session: Session, known: _Signs, persona_id: str, model: str) -> None:
    connection = session.connection()
    keys = {"persona": persona_id, "model": model}
    revision = connection.execute(_REVISION, {"persona": persona_id}).scalar()
    if revision is None or revision == known.revision:
        return
    if len(known.ids):
        present = np.fromiter(connection.execute(_IDS, keys).scalars(), np.int64)
        keep = np.isin(known.ids, present)
        if not keep.all():
            known.ids, known.signs = known.ids[keep], known.signs[keep]
    ids, signs = [known.ids], [known.signs]
    rows = connection.execute(_NEW, {**keys, "last": known.last_id})
    for batch in rows.partitions(_LOAD_ROWS):
        known.last_id = batch[-1][0]
        usable = [row for row in batch if len(row[1]) == known.dimension * 4]
        ids.append(np.array([row[0] for row in usable], np.int64))
        full = np.frombuffer(b"".join(row[1] for row in usable), "<f4")
        signs.append(packed_signs(full.reshape(-1, known.dimension)))
    if len(ids) > 1:
        known.ids, known.signs = np.concatenate(ids), np.concatenate(signs)
    known.revision = revision


def packed_signs(vectors: Vectors) -> Words:
    """Return one bit a dimension, 64 to a word, shape `(vectors, words)`."""
    bits = np.packbits(vectors > 0, axis=1)
    padded = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view(np.uint64)


def _nearest(known: _Signs, query: Vectors) -> list[int]:
    """Return the ids of the windows whose signs differ least from those of `query`."""
    wanted = packed_signs(query.reshape(1, -1))
    if len(known.ids) <= CANDIDATES:
        return [int(one) for one in known.ids]
    differing = np.zeros(len(known.ids), np.uint16)
    for word in range(wanted.shape[1]):
        differing += np.bitwise_count(known.signs[:, word] ^ wanted[0, word])
    top = np.argpartition(differing, CANDIDATES)[:CANDIDATES]
    return [int(one) for one in known.ids[top]]


def _ranked(rows: list[tuple[str, bytes]], query: Vectors) -> list[Hit]:
    """Return the chunks of the rows by the cosine of their best window, best first."""
    if not rows:
        return []
    full = np.frombuffer(b"".join(vector for _, vector in rows), "<f4").reshape(len(rows), -1)
    cosines = full @ query.astype(np.float32)
    best: dict[str, float] = {}
    for (chunk_id, _), cosine in zip(rows, cosines.tolist(), strict=True):
        best[chunk_id] = max(best.get(chunk_id, -1.0), cosine)
    ordered = sorted(best.items(), key=lambda item: (-item[1], item[0]))
    return [Hit(chunk_id, score) for chunk_id, score in ordered]


def _served(session: Session, ranked: list[Hit], limit: int) -> list[Hit]:
    """Return the first `limit` of `ranked` that are enabled and in files that are ready."""
    served: list[Hit] = []
    for start in range(0, len(ranked), limit):
        some = ranked[start : start + limit]
        keys = {"chunks": json.dumps([hit.chunk_id for hit in some])}
        there = set(session.connection().execute(_SERVED, keys).scalars())
        served += [hit for hit in some if hit.chunk_id in there]
        if len(served) >= limit:
            break
    return served[:limit]

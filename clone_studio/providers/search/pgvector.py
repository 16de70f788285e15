"""Vector search in PostgreSQL, by pgvector: exact where it is quick, by an index where it is not.

Comparing every window of a clone takes 30 ms for 50,000 of 384 dimensions. Above that the clone
gets an index of its own: HNSW over the signs of its vectors, one bit a dimension. It gives the
windows whose signs differ least, and the full vectors rank these, as on SQLite. An index holds
one clone and one model, so that no other clone's windows are ever among the candidates.
"""

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlmodel import Session

from clone_studio.db import Database
from clone_studio.postgres import raw_connection
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.pgvector_indexes import (
    index_name,
    signs,
    tend_indexes,
    wants_index,
)
from clone_studio.providers.search.protocol import Hit
from clone_studio.providers.search.vector_rows import RowVectors
from clone_studio.vector_column import vector_text

CANDIDATES = 200
# Found by their signs alone, these are twice as many: signs are a rough measure.
ROUGH_CANDIDATES = 400
# Numbers compared in about 30 ms: 50,000 windows of 384 dimensions.
EXACT_NUMBERS = 50_000 * 384

_SERVED = (
    "SELECT n.chunk_id, max(n.score) AS best FROM near n"
    " JOIN chunks c ON c.id = n.chunk_id JOIN files f ON f.id = c.file_id"
    " WHERE c.enabled AND f.state IN ('ready', 'ready_with_warnings')"
    " GROUP BY n.chunk_id ORDER BY best DESC, n.chunk_id LIMIT :limit"
)
# Vectors have unit length, so that the inner product, of which pgvector gives the negative, is
# the cosine. Vectors of another size, as a server that was exchanged gives, are left alone.
_SCORE = "-(vector <#> CAST(:query AS vector)) AS score"
_EXACT = text(
    f"WITH near AS (SELECT chunk_id, {_SCORE} FROM chunk_vectors"
    " WHERE persona_id = :persona AND model = :model AND vector_dims(vector) = :size"
    f" ORDER BY score DESC LIMIT {CANDIDATES}) {_SERVED}"
)
_DROP = text("DELETE FROM chunk_vectors WHERE model = :model AND chunk_id = ANY(:chunks)")
_HAS_INDEX = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
# One transaction's setting: as many candidates are looked at as are asked for.
_THOROUGH = text(f"SELECT set_config('hnsw.ef_search', '{ROUGH_CANDIDATES}', true)")


class PgvectorStore(RowVectors):
    """The vectors of the studio's PostgreSQL database. Safe to share by threads.

    Args:
        database: Where the rows are.
        exact_numbers: Up to so many numbers (windows times dimensions) a clone is searched
            without an index.
    """

    def __init__(self, database: Database, *, exact_numbers: int = EXACT_NUMBERS) -> None:
        self._database = database
        self._exact_numbers = exact_numbers

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
        connection = session.connection()
        connection.execute(_DROP, {"model": model, "chunks": chunks})
        statement = (
            'COPY chunk_vectors (persona_id, chunk_id, model, "window", vector)'
            " FROM STDIN (FORMAT BINARY)"
        )
        with raw_connection(connection).cursor() as cursor, cursor.copy(statement) as copy:
            for piece in _binary_rows(persona_id, model, windows, vectors):
                copy.write(piece)

    def search(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the best `limit` chunks by the cosine of their best window, best first."""
        if limit < 1:
            return []
        size = query.size
        keys = {"persona": persona_id, "model": model, "size": size, "limit": limit}
        keys["query"] = vector_text(query)
        with self._database.read() as session:
            connection = session.connection()
            name = index_name(persona_id, model, size)
            if connection.execute(_HAS_INDEX, {"name": name}).scalar():
                connection.execute(_THOROUGH)
                rows = connection.execute(_rough(size), keys).all()
            else:
                rows = connection.execute(_EXACT, keys).all()
        return [Hit(chunk_id, float(score)) for chunk_id, score in rows]

    def wants_tending(self, session: Session, persona_id: str, model: str | None = None) -> bool:
        """Say whether an index is to be made for a clone, or one to go; None is a clone's end."""
        return wants_index(session.connection(), persona_id, model, self._exact_numbers)

    def tend(self) -> None:
        """Make the indexes that are wanted and drop the others; may take minutes.

        Raises:
            ProviderDown: Another process is at it.
        """
        tend_indexes(self._database, self._exact_numbers)


@lru_cache(maxsize=8)
def _rough(size: int) -> TextClause:
    """Return the query by signs; the size of vectors is part of a type and cannot be bound."""
    wanted = f"CAST(binary_quantize(CAST(:query AS vector)) AS bit({size}))"
    return text(
        # Only constants and a number are put together here.
        "WITH rough AS (SELECT chunk_id, vector FROM chunk_vectors"
        " WHERE persona_id = :persona AND model = :model AND vector_dims(vector) = :size"
        f" ORDER BY {signs(size)} <~> {wanted} LIMIT {ROUGH_CANDIDATES}),"
        f" near AS (SELECT chunk_id, {_SCORE} FROM rough ORDER BY score DESC LIMIT {CANDIDATES})"
        f" {_SERVED}"
    )


def _binary_rows(
    persona_id: str, model: str, windows: Sequence[tuple[str, int]], vectors: Vectors
) -> Iterator[bytes]:
    """Yield rows as COPY takes them in binary form, and vectors as pgvector does."""
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    size = vectors.shape[1]
    head = struct.pack(">h", 5) + _field(persona_id.encode())
    of_model, of_size = _field(model.encode()), struct.pack(">iHH", 4 + 4 * size, size, 0)
    numbers = vectors.astype(">f4")
    for (chunk_id, window), vector in zip(windows, numbers, strict=True):
        yield b"".join(
            (
                head,
                _field(chunk_id.encode()),
                of_model,
                struct.pack(">ii", 4, window),
                of_size,
                vector.tobytes(),
            )
        )
    yield struct.pack(">h", -1)


def _field(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value

"""Keyword and vector search inside the studio's own SQLite database.

Keywords are in an FTS5 table ranked by BM25; vectors are rows, searched in memory.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlmodel import Session, col, delete, select
from sqlmodel.sql.expression import SelectOfScalar

from clone_studio.db import Database
from clone_studio.models import Chunk, ChunkVector, StoredFile
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.matrix import VectorCache
from clone_studio.providers.search.protocol import Hit, IndexedChunk

MAX_TERMS = 32
# A term that stands in more than this share of all chunks costs much and tells little.
COMMON_SHARE = 0.2
COMMON_FROM_CHUNKS = 2000

_KEYWORD = text(
    """
    SELECT found.chunk_id, -found.rank
    FROM (
        SELECT chunk_id, rank FROM chunk_terms
        WHERE chunk_terms MATCH :query AND rank MATCH 'bm25(1.0, 0.0)'
        ORDER BY rank LIMIT :window
    ) AS found
    JOIN chunks ON chunks.id = found.chunk_id
    JOIN files ON files.id = chunks.file_id
    WHERE chunks.enabled AND chunks.persona_id = :persona
      AND files.state IN ('ready', 'ready_with_warnings')
    ORDER BY found.rank LIMIT :limit
    """
)
_DELETE = text(
    "DELETE FROM chunk_terms WHERE rowid IN "
    "(SELECT rowid FROM chunk_terms WHERE chunk_terms MATCH :query)"
)
_ADD = text("INSERT INTO chunk_terms (terms, scope, chunk_id) VALUES (:terms, :scope, :chunk_id)")
_SEEN = text("SELECT doc FROM chunk_vocabulary WHERE term = :term")


class SqliteSearchIndex:
    """The `SearchIndex` of a studio on SQLite.

    Args:
        database: The studio's database.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._vectors = VectorCache(database)

    def add(self, session: Session, chunks: Sequence[IndexedChunk]) -> None:
        """Add chunks to the keyword index; a chunk given twice is replaced."""
        if not chunks:
            return
        for one in chunks:
            session.execute(_DELETE, {"query": f"scope : {_chunk_term(one.chunk_id)}"})
        session.execute(
            _ADD,
            [
                {
                    "terms": " ".join(one.terms),
                    "scope": _scope(one.persona_id, one.file_id, one.chunk_id),
                    "chunk_id": one.chunk_id,
                }
                for one in chunks
            ],
        )

    def add_vectors(
        self,
        session: Session,
        persona_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Store the vectors of `(chunk_id, window)` pairs; a pair given twice is replaced."""
        chunk_ids = {chunk_id for chunk_id, _ in windows}
        session.exec(
            delete(ChunkVector).where(
                col(ChunkVector.chunk_id).in_(chunk_ids), col(ChunkVector.model) == model
            )
        )
        session.add_all(
            ChunkVector(
                persona_id=persona_id,
                chunk_id=chunk_id,
                model=model,
                window=window,
                vector=vector.astype("<f4").tobytes(),
            )
            for (chunk_id, window), vector in zip(windows, vectors, strict=True)
        )

    def remove_file(self, session: Session, persona_id: str, file_id: str) -> None:
        """Forget every chunk of a file."""
        session.execute(_DELETE, {"query": f"scope : {_file_term(file_id)}"})
        mine = _chunks_of(persona_id, file_id)
        session.exec(delete(ChunkVector).where(col(ChunkVector.chunk_id).in_(mine)))
        self._vectors.forget(persona_id)

    def remove_persona(self, session: Session, persona_id: str) -> None:
        """Forget everything of a persona."""
        session.execute(_DELETE, {"query": f"scope : {_persona_term(persona_id)}"})
        session.exec(delete(ChunkVector).where(col(ChunkVector.persona_id) == persona_id))
        self._vectors.forget(persona_id)

    def keyword(self, persona_id: str, terms: Sequence[str], limit: int) -> list[Hit]:
        """Return the best `limit` enabled chunks of ready files by BM25, best first."""
        if not terms:
            return []
        with self._db.read() as session:
            useful = self._useful(session, terms)
            words = " OR ".join(_quoted(term) for term in useful)
            rows = session.execute(
                _KEYWORD,
                {
                    "query": f"scope : {_persona_term(persona_id)} AND terms : ({words})",
                    "persona": persona_id,
                    "limit": limit,
                    # Some room for chunks that are switched off or not ready yet.
                    "window": limit * 3 + 20,
                },
            ).all()
        return [Hit(chunk_id, float(score)) for chunk_id, score in rows]

    def vector(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the best `limit` enabled chunks by cosine of their best window, best first."""
        candidates = self._vectors.best(persona_id, model, query, limit * 2 + 20)
        if not candidates:
            return []
        with self._db.read() as session:
            serving = self._serving(session, persona_id, [hit.chunk_id for hit in candidates])
        return [hit for hit in candidates if hit.chunk_id in serving][:limit]

    def _useful(self, session: Session, terms: Sequence[str]) -> list[str]:
        """Drop terms that stand nearly everywhere, as long as others are left."""
        kept = list(terms[:MAX_TERMS])
        total = session.execute(text("SELECT max(rowid) FROM chunk_terms")).scalar() or 0
        if len(kept) < 3 or total < COMMON_FROM_CHUNKS:
            return kept
        session.execute(
            text(
                "CREATE VIRTUAL TABLE IF NOT EXISTS temp.chunk_vocabulary "
                "USING fts5vocab('main', 'chunk_terms', 'row')"
            )
        )
        seen = {term: session.execute(_SEEN, {"term": term}).scalar() or 0 for term in kept}
        rare = [term for term in kept if seen[term] <= total * COMMON_SHARE]
        return rare if len(rare) >= 2 else kept

    def _serving(self, session: Session, persona_id: str, chunk_ids: Iterable[str]) -> set[str]:
        rows = session.exec(
            select(Chunk.id)
            .join(StoredFile, col(StoredFile.id) == Chunk.file_id)
            .where(
                col(Chunk.id).in_(list(chunk_ids)),
                Chunk.persona_id == persona_id,
                col(Chunk.enabled),
                col(StoredFile.state).in_(["ready", "ready_with_warnings"]),
            )
        )
        return set(rows)


def _chunks_of(persona_id: str, file_id: str) -> SelectOfScalar[str]:
    return select(Chunk.id).where(Chunk.file_id == file_id, Chunk.persona_id == persona_id)


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _persona_term(persona_id: str) -> str:
    return f"p{_plain(persona_id)}"


def _file_term(file_id: str) -> str:
    return f"f{_plain(file_id)}"


def _chunk_term(chunk_id: str) -> str:
    return f"c{_plain(chunk_id)}"


def _scope(persona_id: str, file_id: str, chunk_id: str) -> str:
    return f"{_persona_term(persona_id)} {_file_term(file_id)} {_chunk_term(chunk_id)}"


def _plain(identifier: str) -> str:
    """Return an id as one term of the index; whatever is no letter or figure is left out."""
    return "".join(c for c in identifier if c.isascii() and c.isalnum())

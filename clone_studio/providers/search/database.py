"""The search index that lives in the studio's own database: keywords and vectors."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlmodel import Session, col, select

from clone_studio.db import Database
from clone_studio.models import Chunk, ChunkVector, IndexSegment
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.keyword import KeywordIndex
from clone_studio.providers.search.protocol import Hit, TermCounts
from clone_studio.providers.search.segment import Segment
from clone_studio.providers.search.vectors import VectorIndex


class DatabaseSearchIndex:
    """Keyword and vector search in rows of the studio's database; safe to share by threads."""

    def __init__(self, database: Database) -> None:
        self._keyword = KeywordIndex(database)
        self._vectors = VectorIndex(database)

    def add(self, session: Session, persona_id: str, file_id: str, segment: Segment) -> None:
        """Add the chunks of a file that `segment` describes to the keyword index."""
        self._keyword.add(session, persona_id, file_id, segment)

    def add_vectors(
        self,
        session: Session,
        persona_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Store the vectors of `(chunk_id, window)` pairs; those of their chunks are replaced."""
        self._vectors.add(session, persona_id, model, windows, vectors)

    def remove_file(self, session: Session, persona_id: str, file_id: str) -> None:
        """Forget every chunk of a file, terms and vectors."""
        of_file = select(Chunk.id).where(Chunk.persona_id == persona_id, Chunk.file_id == file_id)
        session.execute(delete(ChunkVector).where(col(ChunkVector.chunk_id).in_(of_file)))
        session.execute(
            delete(IndexSegment).where(
                col(IndexSegment.persona_id) == persona_id, col(IndexSegment.file_id) == file_id
            )
        )

    def remove_persona(self, session: Session, persona_id: str) -> None:
        """Forget everything of a persona."""
        session.execute(delete(ChunkVector).where(col(ChunkVector.persona_id) == persona_id))
        session.execute(delete(IndexSegment).where(col(IndexSegment.persona_id) == persona_id))

    def keyword(self, persona_id: str, terms: Sequence[str], limit: int) -> list[Hit]:
        """Return the best `limit` enabled chunks of ready files by BM25, best first."""
        return self._keyword.search(persona_id, terms, limit)

    def vector(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the best `limit` enabled chunks by cosine of their best window, best first."""
        return self._vectors.search(persona_id, model, query, limit)

    def counts(self, persona_id: str, terms: Sequence[str]) -> TermCounts:
        """Return how common each of `terms` is among the chunks that `keyword` searches."""
        return self._keyword.counts(persona_id, terms)

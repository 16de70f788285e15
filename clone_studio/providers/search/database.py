"""The studio's search index: keywords in rows of its database, vectors there or elsewhere."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlmodel import Session, col

from clone_studio.db import Database
from clone_studio.models import IndexSegment
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.keyword import KeywordIndex
from clone_studio.providers.search.pgvector import PgvectorStore
from clone_studio.providers.search.protocol import Hit, TermCounts, VectorStore
from clone_studio.providers.search.segment import Segment
from clone_studio.providers.search.vectors import VectorIndex


class DatabaseSearchIndex:
    """Keyword search in rows of the studio's database, beside a store of vectors.

    Safe to share by threads.

    Args:
        database: Where the rows are.
        vectors: Keeps the vectors; the database itself when none is given.
    """

    def __init__(self, database: Database, vectors: VectorStore | None = None) -> None:
        self._keyword = KeywordIndex(database)
        self._vectors: VectorStore = vectors or own_store(database)

    def add(self, session: Session, persona_id: str, file_id: str, segment: Segment) -> None:
        """Add the chunks of a file that `segment` describes to the keyword index."""
        self._keyword.add(session, persona_id, file_id, segment)

    def send_vectors(
        self,
        persona_id: str,
        file_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Hand vectors to the service that keeps them, before `add_vectors`."""
        self._vectors.send(persona_id, file_id, model, windows, vectors)

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

    def confirm_vectors(self, persona_id: str, file_id: str, model: str) -> None:
        """Wait until a search finds the vectors of a file that a service elsewhere keeps."""
        self._vectors.confirm(persona_id, file_id, model)

    def lacking_vectors(
        self, session: Session, model: str, file_id: str, after: int, limit: int
    ) -> list[str]:
        """Return the ids of a file's chunks without vectors, from position `after` + 1 on."""
        return self._vectors.lacking(session, model, file_id, after, limit)

    def files_lacking_vectors(self, session: Session, model: str) -> set[str]:
        """Return the ids of the files of which some chunk has no vectors."""
        return self._vectors.files_lacking(session, model)

    def only_dimension(self) -> int | None:
        """Return the only length of vectors that can be kept, None where any will do."""
        return self._vectors.only_dimension()

    def models(self, session: Session, persona_id: str) -> set[str]:
        """Return the names of the models of which a persona has vectors."""
        return self._vectors.models(session, persona_id)

    def embedded(self, session: Session, persona_id: str, model: str) -> int:
        """Return how many chunks of a persona's ready files have vectors of `model`."""
        return self._vectors.embedded(session, persona_id, model)

    def forget_model(self, session: Session, persona_id: str, model: str, limit: int) -> bool:
        """Forget a persona's vectors of `model`, of at most `limit` chunks; True if some remain."""
        return self._vectors.forget_model(session, persona_id, model, limit)

    def remove_file(self, session: Session, persona_id: str, file_id: str) -> None:
        """Forget every chunk of a file, terms and vectors."""
        self._vectors.remove_file(session, persona_id, file_id)
        session.execute(
            delete(IndexSegment).where(
                col(IndexSegment.persona_id) == persona_id, col(IndexSegment.file_id) == file_id
            )
        )

    def remove_persona(self, session: Session, persona_id: str) -> None:
        """Forget everything of a persona."""
        self._vectors.remove_persona(session, persona_id)
        session.execute(delete(IndexSegment).where(col(IndexSegment.persona_id) == persona_id))

    def keyword(self, persona_id: str, terms: Sequence[str], limit: int) -> list[Hit]:
        """Return the best `limit` enabled chunks of ready files by BM25, best first."""
        return self._keyword.search(persona_id, terms, limit)

    def vector(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the best `limit` enabled chunks by cosine of their best window, best first."""
        return self._vectors.search(persona_id, model, query, limit)

    def wants_tending(self, session: Session, persona_id: str, model: str | None = None) -> bool:
        """Say whether a clone needs `tend`; without a model, one that ends."""
        return self._vectors.wants_tending(session, persona_id, model)

    def tend(self) -> None:
        """Make search quick where there is much, in a job of its own; may take minutes."""
        self._vectors.tend()

    def counts(self, persona_id: str, terms: Sequence[str]) -> TermCounts:
        """Return how common each of `terms` is among the chunks that `keyword` searches."""
        return self._keyword.counts(persona_id, terms)


def own_store(database: Database) -> VectorStore:
    """Return what keeps vectors in the studio's own database, whichever engine it has."""
    return VectorIndex(database) if database.is_sqlite else PgvectorStore(database)

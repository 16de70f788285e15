"""What the studio asks of its index of chunks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlmodel import Session

from clone_studio.providers.embeddings.protocol import Vectors


@dataclass(frozen=True)
class IndexedChunk:
    """A chunk as the keyword index takes it; `terms` are analysed, in the order of the text."""

    chunk_id: str
    persona_id: str
    file_id: str
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """A chunk that was found; higher scores are better."""

    chunk_id: str
    score: float


class SearchIndex(Protocol):
    """Keyword and vector search over the chunks of one persona at a time.

    Every method takes the persona and answers from that persona alone. Writes take the
    caller's session, so that rows and index change in one transaction.
    """

    def add(self, session: Session, chunks: Sequence[IndexedChunk]) -> None:
        """Add chunks to the keyword index; a chunk given twice is replaced."""
        ...

    def add_vectors(
        self,
        session: Session,
        persona_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Store the vectors of `(chunk_id, window)` pairs; a pair given twice is replaced."""
        ...

    def remove_file(self, session: Session, persona_id: str, file_id: str) -> None:
        """Forget every chunk of a file."""
        ...

    def remove_persona(self, session: Session, persona_id: str) -> None:
        """Forget everything of a persona."""
        ...

    def keyword(self, persona_id: str, terms: Sequence[str], limit: int) -> list[Hit]:
        """Return the best `limit` enabled chunks of ready files by BM25, best first."""
        ...

    def vector(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the best `limit` enabled chunks by cosine of their best window, best first."""
        ...

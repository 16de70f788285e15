"""What the studio asks of its index of chunks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlmodel import Session

from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.segment import Segment


@dataclass(frozen=True)
class Hit:
    """A chunk that was found; higher scores are better."""

    chunk_id: str
    score: float


@dataclass(frozen=True)
class TermCounts:
    """How many chunks a persona has, and in how many of them each term stands."""

    chunks: int
    holding: Mapping[str, int]


class SearchIndex(Protocol):
    """Keyword and vector search over the chunks of one persona at a time.

    Every method takes the persona and answers from that persona alone. Writes take the
    caller's session, so that rows and index change in one transaction. Only enabled chunks
    of files that are ready are ever returned.
    """

    def add(self, session: Session, persona_id: str, file_id: str, segment: Segment) -> None:
        """Add the chunks of a file that `segment` describes to the keyword index."""
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
        """Forget every chunk of a file, terms and vectors."""
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

    def counts(self, persona_id: str, terms: Sequence[str]) -> TermCounts:
        """Return how common each of `terms` is among the chunks that `keyword` searches."""
        ...

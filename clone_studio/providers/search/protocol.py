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


class VectorStore(Protocol):
    """Where the vectors of chunks are kept and searched: in rows, or at a service elsewhere.

    A vector is added in two steps, because a transaction never waits for a network: `send` hands
    it to a service elsewhere, `add` notes in the caller's transaction that it is there. Both may
    be done again. What a service elsewhere finds is compared with the rows, so that what is
    deleted or disabled is never returned, however late the service hears of it.
    """

    def send(
        self,
        persona_id: str,
        file_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Hand vectors to the service that keeps them; nothing to do where rows keep them.

        Raises:
            ProviderError: The service did not take them.
        """
        ...

    def add(
        self,
        session: Session,
        persona_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Note that the vectors of `(chunk_id, window)` pairs are there, replacing earlier ones."""
        ...

    def remove_file(self, session: Session, persona_id: str, file_id: str) -> None:
        """Forget the vectors of a file."""
        ...

    def remove_persona(self, session: Session, persona_id: str) -> None:
        """Forget the vectors of a persona."""
        ...

    def search(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the best `limit` enabled chunks by cosine of their best window, best first.

        Raises:
            ProviderError: The service that keeps the vectors does not answer.
        """
        ...

    def lacking(
        self, session: Session, model: str, file_id: str, after: int, limit: int
    ) -> list[str]:
        """Return the ids of a file's chunks without vectors, from position `after` + 1 on."""
        ...

    def files_lacking(self, session: Session, model: str) -> set[str]:
        """Return the ids of the files of which some chunk has no vectors."""
        ...

    @property
    def dimension(self) -> int | None:
        """The only length of vectors that can be kept here, None where any will do.

        Raises:
            ProviderError: The service that keeps the vectors does not say.
        """
        ...

    def models(self, session: Session, persona_id: str) -> set[str]:
        """Return the names of the models of which a persona has vectors."""
        ...

    def embedded(self, session: Session, persona_id: str, model: str) -> int:
        """Return how many chunks of a persona's ready files have vectors of `model`."""
        ...

    def forget_model(self, session: Session, persona_id: str, model: str, limit: int) -> bool:
        """Forget a persona's vectors of `model`, of at most `limit` chunks; True if some remain."""
        ...


class SearchIndex(Protocol):
    """Keyword and vector search over the chunks of one persona at a time.

    Every method takes the persona and answers from that persona alone. Writes take the
    caller's session, so that rows and index change in one transaction. Only enabled chunks
    of files that are ready are ever returned. The methods about vectors are those of
    `VectorStore`.
    """

    def add(self, session: Session, persona_id: str, file_id: str, segment: Segment) -> None:
        """Add the chunks of a file that `segment` describes to the keyword index."""
        ...

    def send_vectors(
        self,
        persona_id: str,
        file_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Hand vectors to the service that keeps them, before `add_vectors`.

        Raises:
            ProviderError: The service did not take them.
        """
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

    def lacking_vectors(
        self, session: Session, model: str, file_id: str, after: int, limit: int
    ) -> list[str]:
        """Return the ids of a file's chunks without vectors, from position `after` + 1 on."""
        ...

    def files_lacking_vectors(self, session: Session, model: str) -> set[str]:
        """Return the ids of the files of which some chunk has no vectors."""
        ...

    @property
    def dimension(self) -> int | None:
        """The only length of vectors that can be kept here, None where any will do.

        Raises:
            ProviderError: The service that keeps the vectors does not say.
        """
        ...

    def models(self, session: Session, persona_id: str) -> set[str]:
        """Return the names of the models of which a persona has vectors."""
        ...

    def embedded(self, session: Session, persona_id: str, model: str) -> int:
        """Return how many chunks of a persona's ready files have vectors of `model`."""
        ...

    def forget_model(self, session: Session, persona_id: str, model: str, limit: int) -> bool:
        """Forget a persona's vectors of `model`, of at most `limit` chunks; True if some remain."""
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
        """Return the best `limit` enabled chunks by cosine of their best window, best first.

        Raises:
            ProviderError: The service that keeps the vectors does not answer.
        """
        ...

    def counts(self, persona_id: str, terms: Sequence[str]) -> TermCounts:
        """Return how common each of `terms` is among the chunks that `keyword` searches."""
        ...

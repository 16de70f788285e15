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

    def confirm(self, persona_id: str, file_id: str, model: str) -> None:
        """Wait until a search finds what was sent for a file; nothing to do where rows keep it.

        Raises:
            ProviderError: The service does not show it in time, or does not answer.
        """
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

    def wants_tending(self, session: Session, persona_id: str, model: str | None = None) -> bool:
        """Say whether a clone needs `tend`; without a model, one that ends."""
        ...

    def tend(self) -> None:
        """Make search quick where there is much, and tidy up; may take minutes.

        Raises:
            ProviderError: Not now; it is to be tried again.
        """
        ...

    def only_dimension(self) -> int | None:
        """Return the only length of vectors that can be kept here, None where any will do.

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


class RemoteVectors(VectorStore, Protocol):
    """A store of vectors at a service elsewhere, of which notes are kept in rows."""

    @property
    def is_set(self) -> bool:
        """Whether the settings name a place and a key, so that notes of it are of use."""
        ...

    def keeps(self, persona_id: str, model: str) -> bool:
        """Say whether vectors of this model are noted for a persona."""
        ...

    def noted(self, session: Session, model: str, chunk_ids: Sequence[str]) -> dict[str, int]:
        """Return how many windows are noted for those of the chunks that have any."""
        ...

    def noted_models(self, session: Session, persona_id: str) -> list[str]:
        """Return the models of which vectors are noted for a persona."""
        ...

    def noted_chunks(
        self, session: Session, persona_id: str, model: str, after: str, limit: int
    ) -> list[str]:
        """Return ids of chunks that are noted for a persona, in their order after `after`."""
        ...

    def forget(self, session: Session, model: str, chunk_ids: Sequence[str]) -> None:
        """Drop the notes of chunks; the vectors themselves go with the next `sweep`."""
        ...

    def request_sweep(self, session: Session, persona_id: str) -> None:
        """Queue a `sweep` of a persona in the caller's transaction."""
        ...

    def sweep(self, persona_id: str) -> bool:
        """Delete at the service what no row knows any more; True when there was nothing.

        Raises:
            ProviderError: The service does not answer, or refuses.
        """
        ...

    def listed(self, persona_id: str, model: str) -> set[tuple[str, int]]:
        """Return the `(chunk_id, window)` pairs of this model that the service shows now.

        Raises:
            ProviderError: The service does not answer, or refuses.
        """
        ...

    def fetch(
        self, persona_id: str, model: str, windows: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], Vectors]:
        """Return the vectors of those `(chunk_id, window)` pairs that the service has.

        Raises:
            ProviderError: The service does not answer, or refuses.
        """
        ...

    def dimension(self) -> int:
        """Return how many numbers the vectors have that the service takes.

        Raises:
            ProviderError: The service does not answer, or refuses.
        """
        ...

    def close(self) -> None:
        """Let go of every connection; the next call makes new ones."""
        ...

    def check(self, dimension: int) -> str:
        """Return one sentence saying that the service keeps vectors of this size.

        Raises:
            ProviderError: It does not; with what mends it.
        """
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

    def confirm_vectors(self, persona_id: str, file_id: str, model: str) -> None:
        """Wait until a search finds the vectors of a file that a service elsewhere keeps.

        Raises:
            ProviderError: The service does not show them in time, or does not answer.
        """
        ...

    def lacking_vectors(
        self, session: Session, model: str, file_id: str, after: int, limit: int
    ) -> list[str]:
        """Return the ids of a file's chunks without vectors, from position `after` + 1 on."""
        ...

    def files_lacking_vectors(self, session: Session, model: str) -> set[str]:
        """Return the ids of the files of which some chunk has no vectors."""
        ...

    def only_dimension(self) -> int | None:
        """Return the only length of vectors that can be kept here, None where any will do.

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

    def wants_tending(self, session: Session, persona_id: str, model: str | None = None) -> bool:
        """Say whether a clone needs `tend`; without a model, one that ends."""
        ...

    def tend(self) -> None:
        """Make search quick where there is much, in a job of its own; may take minutes.

        Raises:
            ProviderError: Not now; it is to be tried again.
        """
        ...

    def counts(self, persona_id: str, terms: Sequence[str]) -> TermCounts:
        """Return how common each of `terms` is among the chunks that `keyword` searches."""
        ...

"""Which embedder makes the vectors of a clone's questions, and which those of its passages.

While another model is built in the shadow, questions are answered from the vectors of the old
one. The clone's row says which that is, so that every process changes over with it.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from sqlalchemy import text
from sqlmodel import col, select

from clone_studio.db import Database
from clone_studio.errors import ProviderError, ProviderRefused
from clone_studio.models import EmbeddingUse
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.services.switching import SwitchedEmbedder, held_embedder

logger = logging.getLogger(__name__)

_MODEL_OF = text("SELECT model FROM embedding_uses WHERE persona_id = :persona")


@dataclass(frozen=True)
class Origin:
    """What an embedder was made with, as far as it may be written down.

    `address` is that of the server without user name and password, empty for the vendor's own;
    `key_mark` tells whether another key is the same one, and is empty where there was none.
    """

    kind: Literal["local", "openai"] = "local"
    address: str = ""
    key_mark: str = ""

    def row(self) -> dict[str, Any]:
        """Return what is stored of it."""
        return asdict(self)


@dataclass(frozen=True)
class EmbedderRef:
    """An embedder that can be made again: the name of its vectors, and what it was made with."""

    model: str
    origin: Origin


class EmbedderSource(Protocol):
    """Knows what embedders are made of."""

    @property
    def revision(self) -> int:
        """Another number after each change of what embedders are made of."""
        ...

    def origin(self) -> Origin:
        """Return what the embedder that is chosen now was made with."""
        ...

    def spare(self, ref: EmbedderRef) -> Embedder:
        """Make an embedder that was chosen before.

        Raises:
            ProviderError: It cannot be used any more; says why and what to do.
        """
        ...

    def follow(self) -> None:
        """Have the embedder in use be the chosen one, whichever process it was chosen in."""
        ...


class NoSource:
    """The source of a studio whose embedder is never exchanged for another."""

    revision = 0

    def origin(self) -> Origin:
        """Return that nothing is known."""
        return Origin()

    def spare(self, ref: EmbedderRef) -> Embedder:
        """Raise `ProviderRefused`."""
        raise ProviderRefused(f"The embedding model {ref.model} is not there any more.")

    def follow(self) -> None:
        """Do nothing."""


class Embedders:
    """Gives each clone's questions the embedder that its vectors were made by.

    Safe to share by threads.

    Args:
        database: Says which model each clone is searched by.
        chosen: The embedder of the settings in force.
        source: Makes those that were chosen before.
    """

    def __init__(self, database: Database, chosen: Embedder, source: EmbedderSource) -> None:
        self._database = database
        self._chosen = chosen
        self._source = source
        self._spares: dict[EmbedderRef, tuple[int, SwitchedEmbedder]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def of(self, persona_id: str) -> Iterator[Embedder | None]:
        """Hold the embedder that a clone is searched by; None when it cannot be used.

        Of a clone without vectors that is the chosen one.
        """
        model = self._model_of(persona_id)
        with held_embedder(self._chosen) as chosen:
            if model is None or model == chosen.model:
                self._forget_unused()
                yield chosen
                return
        spare = self._spare_of(persona_id)
        if spare is None:
            yield None
            return
        with spare.held() as embedder:
            yield embedder

    def close(self) -> None:
        """Close every embedder that was made here."""
        with self._lock:
            spares = [spare for _, spare in self._spares.values()]
            self._spares.clear()
        for spare in spares:
            spare.retire()

    def _model_of(self, persona_id: str) -> str | None:
        with self._database.read() as session:
            return session.connection().execute(_MODEL_OF, {"persona": persona_id}).scalar()

    def _spare_of(self, persona_id: str) -> SwitchedEmbedder | None:
        with self._database.read() as session:
            use = session.get(EmbeddingUse, persona_id)
        if use is None:
            return None
        ref = ref_of(use)
        with self._lock:
            revision, spare = self._spares.get(ref, (-1, None))
            if spare is not None and revision == self._source.revision:
                return spare
        # The model may also be the chosen one of another process, which this one has missed.
        self._source.follow()
        if isinstance(self._chosen, SwitchedEmbedder) and self._chosen.model == ref.model:
            return self._chosen
        try:
            made = self._source.spare(ref)
        except ProviderError as error:
            logger.warning("A clone is searched by words only: %s", error.detail)
            return None
        return self._keep(ref, made)

    def _keep(self, ref: EmbedderRef, made: Embedder) -> SwitchedEmbedder:
        """Keep a spare for the questions to come; of two made at once the first is kept."""
        with self._lock:
            revision, old = self._spares.get(ref, (-1, None))
            if old is not None and revision == self._source.revision:
                made.close()
                return old
            kept = SwitchedEmbedder(lambda: made)
            self._spares[ref] = self._source.revision, kept
        if old is not None:
            old.retire()
        return kept

    def _forget_unused(self) -> None:
        """Give back what a spare holds when no clone is searched by it any more."""
        if not self._spares:
            return
        with self._database.read() as session:
            needed = set(session.exec(select(col(EmbeddingUse.model)).distinct()))
        with self._lock:
            gone = [ref for ref in self._spares if ref.model not in needed]
            spares = [self._spares.pop(ref)[1] for ref in gone]
        for spare in spares:
            spare.retire()


def ref_of(use: EmbeddingUse) -> EmbedderRef:
    """Return the embedder that a clone is searched by."""
    return EmbedderRef(use.model, Origin(**use.origin))

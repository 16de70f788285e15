"""Embedders that go by names, one of which is chosen, for tests of another embedding model."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from clone_studio.errors import ProviderRefused
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.services.knowledge.embedders import EmbedderRef, Origin
from clone_studio.services.knowledge.ingest import Ingester
from clone_studio.services.knowledge.retrieve import Retriever
from clone_studio.services.switching import SwitchedEmbedder
from tests.knowledge.embedder import WordVectors
from tests.knowledge.shelves import Shelves


class Named(WordVectors):
    """Vectors under a name, with something that happens at each batch and each question."""

    def __init__(self, model: str, on_batch: Callable[[int], None] = lambda _: None) -> None:
        super().__init__()
        self.model = model
        self.batches = 0
        self.on_batch = on_batch
        self.on_query: Callable[[], None] = lambda: None

    def embed_query(self, text: str) -> Any:
        self.on_query()
        return super().embed_query(text)

    def embed_passages(self, texts: Sequence[str]) -> Any:
        self.batches += 1
        self.on_batch(self.batches)
        return super().embed_passages(texts)


class Choice:
    """Which of some embedders is chosen; an `EmbedderSource` of all of them."""

    revision = 0

    def __init__(self, *embedders: Named) -> None:
        self.named = {one.model: one for one in embedders}
        self.gone: set[str] = set()
        self.switch = SwitchedEmbedder(lambda: embedders[0])

    def choose(self, model: str) -> None:
        """Put another embedder into use; nothing is queued by this."""
        self.switch.exchange(self.named[model])

    def origin(self) -> Origin:
        return Origin("openai", f"http://{self.switch.model}.test")

    def spare(self, ref: EmbedderRef) -> Embedder:
        assert ref.origin.address == f"http://{ref.model}.test", "what it was made with"
        if ref.model in self.gone:
            raise ProviderRefused(f"{ref.model} is gone.")
        return self.named[ref.model]

    def follow(self) -> None:
        """Nothing is chosen elsewhere."""


def switched(shelves: Shelves, choice: Choice) -> Shelves:
    """Return the shelves with the chosen one of `choice` as their embedder."""
    ingester = Ingester(
        shelves.database,
        store=shelves.store,
        index=shelves.index,
        embedder=choice.switch,
        jobs=shelves.jobs,
        events=shelves.events,
        seconds=60,
        source=choice,
    )
    ingester.register()
    retriever = Retriever(
        shelves.database, index=shelves.index, embedder=choice.switch, source=choice
    )
    return replace(shelves, ingester=ingester, retriever=retriever)


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    ends, pause = time.monotonic() + seconds, threading.Event()
    while not holds():
        assert time.monotonic() < ends, "it never came to hold"
        pause.wait(0.002)

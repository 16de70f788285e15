"""Another embedding model while files are embedded and questions are asked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import select

from clone_studio.errors import ProviderDown
from clone_studio.models import Chunk, ChunkVector
from clone_studio.services.knowledge.ingest import Ingester
from clone_studio.services.knowledge.retrieve import Retriever
from clone_studio.services.switching import SwitchedEmbedder
from tests.knowledge.embedder import WordVectors
from tests.knowledge.shelves import ADA, Shelves

LONG = " ".join(f"Sentence {number} says a few words." for number in range(2000)).encode()


class Named(WordVectors):
    """Vectors under a name, with something that happens at each batch."""

    def __init__(self, model: str, on_batch: Callable[[int], None] = lambda _: None) -> None:
        super().__init__()
        self.model = model
        self.batches = 0
        self._on_batch = on_batch

    def embed_passages(self, texts: Sequence[str]) -> Any:
        self.batches += 1
        self._on_batch(self.batches)
        return super().embed_passages(texts)

    def close(self) -> None:
        """Nothing is open."""


def switched(shelves: Shelves, switch: SwitchedEmbedder) -> Shelves:
    """Return the shelves with `switch` as their embedder."""
    ingester = Ingester(
        shelves.database,
        store=shelves.store,
        index=shelves.index,
        embedder=switch,
        jobs=shelves.jobs,
        events=shelves.events,
        seconds=60,
    )
    ingester.register()
    retriever = Retriever(shelves.database, index=shelves.index, embedder=switch)
    return replace(shelves, ingester=ingester, retriever=retriever)


def lacking(shelves: Shelves, model: str) -> int:
    """Return how many passages have no vector of `model`."""
    with shelves.database.read() as session:
        done = set(session.exec(select(ChunkVector.chunk_id).where(ChunkVector.model == model)))
        return sum(one not in done for one in session.exec(select(Chunk.id)))


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_file_that_is_being_embedded_gets_all_its_new_vectors(
    shelves: Shelves, batch: int
) -> None:
    new = Named("new")

    def exchange(number: int) -> None:
        if number == batch:
            switch.exchange(new)
            room.ingester.resume()

    switch = SwitchedEmbedder(lambda: Named("old", exchange))
    room = switched(shelves, switch)
    info = room.add("long.txt", LONG)
    assert switch.model == "new", "the exchange took place"
    assert info.embedding == "done"
    assert lacking(room, "new") == 0
    assert room.ingester.resume() == 0


def test_the_exchange_in_the_only_batch_is_seen_too(shelves: Shelves) -> None:
    new = Named("new")
    switch = SwitchedEmbedder(lambda: Named("old", lambda _: switch.exchange(new)))
    room = switched(shelves, switch)
    assert room.add("a.txt", b"Some words about lamps.").embedding == "done"
    assert lacking(room, "new") == 0


def test_a_question_is_never_compared_with_vectors_of_another_model(shelves: Shelves) -> None:
    switch = SwitchedEmbedder(lambda: Named("old"))
    room = switched(shelves, switch)
    room.add("a.txt", b"Some words about lamps.")
    assert room.retriever.retrieve("franklin", "lamps")[0].ranks["vector"] == 1
    switch.exchange(Named("new"))
    assert room.retriever.retrieve("franklin", "lamps")[0].ranks["vector"] is None
    room.ingester.resume()
    room.work()
    assert room.retriever.retrieve("franklin", "lamps")[0].ranks["vector"] == 1


def test_a_failure_of_the_old_model_does_not_hold_up_the_new_one(shelves: Shelves) -> None:
    old = Named("old")
    switch = SwitchedEmbedder(lambda: old)
    room = switched(shelves, switch)
    old.failing = ProviderDown("Nobody answers.")
    info = room.add("a.txt", b"Some words about lamps.")
    assert info.embedding == "running", "tried again later"
    assert room.retriever.retrieve("franklin", "lamps")[0].ranks["vector"] is None
    switch.exchange(Named("new"))
    room.ingester.resume()
    assert room.work("embed") == 1, "at once, not after the pause"
    assert room.files.get_for(ADA, info.id).embedding == "done"
    assert room.retriever.retrieve("franklin", "lamps")[0].ranks["vector"] == 1

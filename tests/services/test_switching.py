"""Providers that are exchanged while something runs on them."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import numpy as np

from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.services.switching import (
    SwitchedEmbedder,
    SwitchedModel,
    held_embedder,
    held_model,
)
from tests.chat_world import PacedModel
from tests.servers.models import request_of


class Closing(PacedModel):
    """A model that knows whether it was closed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.default_model = name
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True


class Vectoring:
    """An embedder that waits until it is let on."""

    dimension = 2

    def __init__(self, model: str) -> None:
        self.model = model
        self.is_closed = False
        self.asked, self.go_on = threading.Event(), threading.Event()

    def embed_query(self, text: str) -> Vectors:
        self.asked.set()
        assert self.go_on.wait(5)
        return np.zeros(2, np.float32)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.zeros((len(texts), 2), np.float32)

    def check(self) -> str:
        return "It works."

    def close(self) -> None:
        self.is_closed = True


async def test_a_running_stream_ends_on_the_model_it_began_with() -> None:
    old, new = Closing("old"), Closing("new")
    switch = SwitchedModel(lambda: old)
    async with aclosing(switch.stream(request_of())) as stream:
        old.say("one ")
        assert (await anext(stream)).text == "one "
        await switch.exchange(new)
        assert (switch.default_model, old.is_closed) == ("new", False)
        old.say("two")
        assert (await anext(stream)).text == "two"
        old.finish()
        assert [event async for event in stream][-1].model == "paced-1"
    assert old.is_closed and not new.is_closed


async def test_the_last_of_several_streams_closes_the_old_model() -> None:
    old, new = Closing("old"), Closing("new")
    switch = SwitchedModel(lambda: old)
    async with held_model(switch), held_model(switch) as second:
        await switch.exchange(new)
        assert second is old
        async with held_model(switch) as third:
            assert third is new
    assert old.is_closed and not new.is_closed


async def test_a_stream_that_is_left_lets_go() -> None:
    old = Closing("old")
    switch = SwitchedModel(lambda: old)
    stream = switch.stream(request_of())
    old.say("one")
    await anext(stream)
    await switch.exchange(Closing("new"))
    await stream.aclose()
    assert old.is_closed


async def test_an_idle_model_is_closed_at_once_and_an_unbuilt_one_never_built() -> None:
    old = Closing("old")
    switch = SwitchedModel(lambda: old)
    assert switch.kind == "openai"
    await switch.exchange(Closing("new"))
    assert old.is_closed

    def never() -> PacedModel:
        raise AssertionError("built for nothing")

    unbuilt = SwitchedModel(never)
    await unbuilt.exchange(Closing("new"))
    assert unbuilt.default_model == "new"


async def test_an_embedder_is_closed_after_its_last_text() -> None:
    old, new = Vectoring("old"), Vectoring("new")
    switch = SwitchedEmbedder(lambda: old)
    asking = asyncio.create_task(asyncio.to_thread(switch.embed_query, "text"))
    await asyncio.to_thread(old.asked.wait, 5)
    switch.exchange(new)
    assert (switch.model, old.is_closed) == ("new", False)
    old.go_on.set()
    await asking
    assert old.is_closed and not new.is_closed


async def test_what_is_no_switch_is_held_as_itself() -> None:
    model, embedder = PacedModel(), Vectoring("only")
    async with held_model(model) as held:
        assert held is model
    with held_embedder(embedder) as same:
        assert same is embedder


def test_many_threads_and_exchanges_close_each_embedder_once() -> None:
    made = [Vectoring(str(number)) for number in range(20)]
    for one in made:
        one.go_on.set()
    switch = SwitchedEmbedder(lambda: made[0])

    def ask() -> None:
        for _ in range(200):
            with held_embedder(switch) as embedder:
                assert not embedder.is_closed

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        for one in made[1:]:
            switch.exchange(one)
        for future in asking:
            future.result()
    assert [one.is_closed for one in made] == [True] * 19 + [False]

"""The nervous system: publish and subscribe, from any thread, to any number of listeners.

Topics are `message:{id}` (an answer), `persona:{id}` (its files) and `session:{id}` (sign-out).
Events are small JSON-able dictionaries with a `type`; they are hints and deltas, never the
truth, which is in the database.

Where events cross processes some can be lost. Who would then wait for ever for the next one
subscribes to `GAP` as well: `{"type": "gap"}` on it comes in the place of what was lost, and
means that what is stored has to be looked at again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

Event = dict[str, Any]
QUEUE_LIMIT = 4096
GAP = "gap:"


class Subscription(Protocol):
    """What a listener has: an iterator of `(topic, event)`."""

    def __aiter__(self) -> AsyncIterator[tuple[str, Event]]:
        """Iterate for as long as the subscription is open."""
        ...


class EventBus(Protocol):
    """Publish and subscribe."""

    def publish(self, topic: str, event: Event) -> None:
        """Hand `event` to the present listeners of `topic`; callable from any thread."""
        ...

    def subscribe(self, *prefixes: str) -> Any:
        """Open a subscription to all topics that start with one of `prefixes`.

        An async context manager that yields a `Subscription`: what is published after
        entering is not missed.
        """
        ...

    def close(self) -> None:
        """Hand on what still waits, for a moment at most, and end what runs. Blocks."""
        ...


class _Queue:
    """The events of one listener, on the listener's own loop."""

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self.prefixes = prefixes
        self.loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[tuple[str, Event]] = asyncio.Queue(QUEUE_LIMIT)

    def put(self, topic: str, event: Event) -> None:
        if self.queue.full():
            # A listener that does not keep up loses the oldest hint: it re-reads the truth.
            self.queue.get_nowait()
        self.queue.put_nowait((topic, event))

    async def __aiter__(self) -> AsyncIterator[tuple[str, Event]]:
        while True:
            yield await self.queue.get()


class MemoryEventBus:
    """The bus of a single process."""

    def __init__(self) -> None:
        self._listeners: set[_Queue] = set()

    def publish(self, topic: str, event: Event) -> None:
        """Hand `event` to the present listeners of `topic`; callable from any thread."""
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        for listener in tuple(self._listeners):
            if not topic.startswith(listener.prefixes):
                continue
            if listener.loop is here:
                listener.put(topic, event)
                continue
            # A loop may end at any moment, and nobody listens there any more.
            with contextlib.suppress(RuntimeError):
                listener.loop.call_soon_threadsafe(listener.put, topic, event)

    @asynccontextmanager
    async def subscribe(self, *prefixes: str) -> AsyncIterator[Subscription]:
        """Open a subscription to all topics that start with one of `prefixes`."""
        listener = _Queue(prefixes)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Nothing waits and nothing runs."""

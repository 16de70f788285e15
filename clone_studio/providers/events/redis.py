"""The event bus of several processes: each hears itself at once, and the others through Redis."""

import json
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from clone_studio.providers.events.redis_ear import RedisEar
from clone_studio.providers.redis_line import RedisLine
from clone_studio.providers.redis_server import RedisServer
from clone_studio.services.events import GAP, Event, MemoryEventBus, Subscription

logger = logging.getLogger(__name__)

LOST: Event = {"type": "gap"}
# An event is a hint or a piece of text. What is larger than this does not travel.
EVENT_LIMIT = 64 * 1024


class RedisEventBus:
    """Publish and subscribe across processes, over one channel.

    All of a studio's events go to all of its processes, and each hands them to its own
    listeners: subscribing costs nothing, whatever the number of listeners.

    Args:
        server: The Redis.
    """

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._local = MemoryEventBus()
        self._origin = secrets.token_hex(8)
        self._line = RedisLine(server, "events", keeps=True, instead=self._gap)
        self._ear = RedisEar(
            server,
            channel=lambda: self._channel,
            heard=self._hear,
            connected=self._look_again,
        )

    @property
    def dropped(self) -> int:
        """How many events the other processes were not sent since the start."""
        return self._line.dropped

    def publish(self, topic: str, event: Event) -> None:
        """Hand `event` to the listeners of `topic`, here at once and elsewhere soon.

        Never waits, and callable from any thread. What was published in one process arrives in
        its order.
        """
        self._local.publish(topic, event)
        self._send(topic, event)

    @asynccontextmanager
    async def subscribe(self, *prefixes: str) -> AsyncIterator[Subscription]:
        """Open a subscription to all topics that start with one of `prefixes`.

        What this process publishes after entering is not missed. What others publish is, while
        there is no connection; a gap comes first when there is one again.
        """
        async with self._local.subscribe(*prefixes) as subscription:
            # Not before: the first listener has to hear of the first connection.
            self._ear.start()
            yield subscription

    def close(self) -> None:
        """Send what waits, if Redis answers, and end both connections."""
        self._line.close()
        self._ear.close()

    @property
    def _channel(self) -> str:
        return f"{self._server.namespace}:events"

    def _send(self, topic: str, event: Event) -> None:
        command = self._command(topic, event)
        # In the place of what is too large the others read what is stored.
        self._line.post(*(command if len(command[-1]) <= EVENT_LIMIT else self._command(GAP, LOST)))

    def _command(self, topic: str, event: Event) -> tuple[str, str, bytes]:
        parcel = json.dumps([self._origin, topic, event], separators=(",", ":"))
        return "PUBLISH", self._channel, parcel.encode()

    def _hear(self, parcel: bytes) -> None:
        event = _unpacked(parcel)
        if event is not None and event[0] != self._origin:
            self._local.publish(event[1], event[2])

    def _look_again(self) -> None:
        self._local.publish(GAP, LOST)

    def _gap(self) -> tuple[str, str, bytes]:
        logger.warning("%d events have not reached other processes so far", self.dropped)
        return self._command(GAP, LOST)


def _unpacked(parcel: bytes) -> tuple[str, str, Event] | None:
    """Return origin, topic and event; None for what no studio of this version has sent."""
    if len(parcel) > EVENT_LIMIT:
        return None
    try:
        found: Any = json.loads(parcel)
    except (ValueError, RecursionError):
        return None
    match found:
        case [str(origin), str(topic), {"type": str(), **_rest} as event]:
            return origin, topic, event
    return None

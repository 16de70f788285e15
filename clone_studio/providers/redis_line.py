"""One connection to Redis and the thread that uses it, so that nobody else waits for Redis.

A caller waits for a reply `PATIENCE_SECONDS` at most, whatever is slow: looking up the name,
connecting, signing in, the network or Redis itself. After one wait in vain the line is at rest:
callers get nothing, at once, until the thread's own probes are answered quickly again. What
waits together is sent together.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clone_studio.providers.redis_server import STEADY_SECONDS, RedisServer, failures

if TYPE_CHECKING:
    from redis import Redis

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.05
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
CLOSE_SECONDS = 1.5
BATCH = 200
WAITING_LIMIT = 2048
TELL_SECONDS = 1.0
Argument = str | bytes | int


@dataclass(slots=True)
class _Command:
    arguments: tuple[Argument, ...]
    reply: Future[Any] | None = None


class RedisLine:
    """Hands commands to Redis in the order in which they came. Safe to share between threads.

    Args:
        server: The Redis.
        name: What the line is for, in the log.
        patience: Seconds that a caller waits for a reply.
        keeps: Whether what is posted while Redis does not answer is sent later. Such a line is
            for posting only.
        instead: Gives the command that is sent in the place of those that were dropped.
    """

    def __init__(
        self,
        server: RedisServer,
        name: str,
        *,
        patience: float = PATIENCE_SECONDS,
        keeps: bool = False,
        instead: Callable[[], tuple[Argument, ...]] | None = None,
    ) -> None:
        self._server = server
        self._name = name
        self._patience = patience
        self._keeps = keeps
        self._instead = instead
        self._changed = threading.Condition()
        self._waiting: deque[_Command] = deque()
        self._serving = True
        self._closing = False
        self._pause = FIRST_PAUSE_SECONDS
        self._thread: threading.Thread | None = None
        self._client: Redis | None = None
        self._dropped = 0
        self._told = 0
        self._told_at = 0.0

    @property
    def dropped(self) -> int:
        """How many posted commands were dropped since the start."""
        return self._dropped

    def ask(self, *arguments: Argument) -> Any | None:
        """Return the reply to a command, None when Redis refuses it or does not answer."""
        reply: Future[Any] = Future()
        with self._changed:
            if not self._serving or self._closing:
                return None
            self._put(_Command(arguments, reply))
        try:
            return reply.result(self._patience)
        except TimeoutError:
            reply.cancel()
            self._rest("does not answer in time")
        except CancelledError:
            # Dropped by a line that went to rest while this one waited.
            return None
        return None

    def post(self, *arguments: Argument) -> None:
        """Send a command without waiting, and without knowing what becomes of it."""
        with self._changed:
            if self._closing or not (self._serving or self._keeps):
                return
            self._put(_Command(arguments))

    def close(self) -> None:
        """Send what waits, if Redis answers, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _put(self, command: _Command) -> None:
        if len(self._waiting) >= WAITING_LIMIT:
            self._drop(self._waiting.popleft())
        self._waiting.append(command)
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name=f"redis-{self._name}", daemon=True
            )
            self._thread.start()
        self._changed.notify_all()

    def _drop(self, command: _Command) -> None:
        if command.reply is None:
            self._dropped += 1
        else:
            command.reply.cancel()

    def _rest(self, why: str) -> None:
        with self._changed:
            if self._serving:
                logger.warning(
                    "Redis at %s %s; %s goes on without it", self._server.place, why, self._name
                )
            self._serving = False
            waiting, self._waiting = self._waiting, deque()
            for command in waiting:
                if self._keeps and command.reply is None:
                    self._waiting.append(command)
                else:
                    self._drop(command)
            self._changed.notify_all()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            try:
                if batch:
                    self._give(batch, self._exchange(batch))
                else:
                    self._probe()
            except failures() as error:
                self._lose(batch, error)
        if self._client is not None:
            self._client.close()

    def _next(self) -> list[_Command] | None:
        """Wait for commands. An empty list stands for a probe, None for the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing or not self._serving)
            if not self._serving:
                self._changed.wait_for(lambda: self._closing, self._pause)
                return None if self._closing else []
            if not self._waiting:
                return None
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if self._instead is not None and self._has_to_tell():
                # What is dropped is always older than what waits.
                batch.insert(0, _Command(self._instead()))
        return [
            one for one in batch if one.reply is None or one.reply.set_running_or_notify_cancel()
        ]

    def _exchange(self, batch: Sequence[_Command]) -> list[Any]:
        self._client = self._client or self._server.connect()
        pipeline = self._client.pipeline(transaction=False)
        for command in batch:
            pipeline.execute_command(*command.arguments)
        replies: list[Any] = pipeline.execute(raise_on_error=False)
        return replies

    def _give(self, batch: Sequence[_Command], replies: Sequence[Any]) -> None:
        for command, reply in zip(batch, replies, strict=True):
            refused = isinstance(reply, Exception)
            if command.reply is not None:
                command.reply.set_result(None if refused else reply)
            elif refused:
                with self._changed:
                    self._dropped += 1

    def _probe(self) -> None:
        """Let callers ask again once Redis answers as quickly as they need."""
        self._client = self._client or self._server.connect()
        self._client.ping()
        began = time.perf_counter()
        self._client.ping()
        # Nobody waits for what is posted: it may take a long way.
        steady = self._keeps or time.perf_counter() - began <= STEADY_SECONDS
        with self._changed:
            self._serving = steady
            self._pause = FIRST_PAUSE_SECONDS if steady else self._longer()
        if steady:
            logger.info("Redis at %s answers again for %s", self._server.place, self._name)

    def _lose(self, batch: Sequence[_Command], error: Exception) -> None:
        # Only the kind: the text of an error may repeat the address, which holds a password.
        self._rest(f"cannot be used ({type(error).__name__})")
        with self._changed:
            self._pause = self._longer()
            for command in batch:
                # Whether Redis has run them is not known, and twice is worse than not at all.
                if command.reply is None:
                    self._dropped += 1
                else:
                    command.reply.set_result(None)

    def _longer(self) -> float:
        return min(LONGEST_PAUSE_SECONDS, 2 * self._pause)

    def _has_to_tell(self) -> bool:
        """Whether something was dropped: told once a second, and with the last that waits."""
        now = time.monotonic()
        if self._dropped == self._told or (self._waiting and now - self._told_at < TELL_SECONDS):
            return False
        self._told, self._told_at = self._dropped, now
        return True

"""Looks after the answers of this process, and takes up those of processes that have ended."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from clone_studio.services.answers.leases import AnswerLeases, Taken
from clone_studio.services.answers.running import Running
from clone_studio.services.answers.transcript import Transcript
from clone_studio.services.events import EventBus

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.3
RENEW_SECONDS = 1.0
SWEEP_SECONDS = 2.0
STOP_TOPIC = "stop:"
T = TypeVar("T")


class Keeper:
    """The tasks beside the answers of one process. Belongs to the event loop.

    Args:
        running: The answers that this process writes, by id.
        transcript: Where their text is stored.
        leases: Say whose each answer is.
        events: Bring the wish to stop an answer from other processes.
        threads: For what blocks.
        resume: Writes a taken answer anew.
        room: How many more answers this process can write.
    """

    def __init__(
        self,
        running: Mapping[str, Running],
        transcript: Transcript,
        leases: AnswerLeases,
        events: EventBus,
        threads: Executor,
        resume: Callable[[Taken], None],
        room: Callable[[], int],
    ) -> None:
        self._running = running
        self._transcript = transcript
        self._leases = leases
        self._events = events
        self._threads = threads
        self._resume = resume
        self._room = room
        self._tending: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def tend(self) -> None:
        """Store and keep what is being written, for as long as anything is."""
        if self._tending is None or self._tending.done():
            self._tending = asyncio.create_task(self._tend())

    def start(self) -> None:
        """Hear of stops, and look for answers whose process has ended, from now on."""
        self._tasks = [
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._sweep_for_ever()),
        ]

    async def end(self) -> None:
        """Take up nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def sweep(self) -> int:
        """Take up answers whose process has ended; return how many are written here now."""
        taken = await self._in_thread(self._leases.take_over, tuple(self._running), self._room())
        for one in taken:
            self._resume(one)
        if taken:
            logger.info("Took over %d answers of a process that had ended", len(taken))
        return len(taken)

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self.sweep()
            except SQLAlchemyError:
                logger.exception("Answers without a writer could not be looked for")
            await asyncio.sleep(SWEEP_SECONDS)

    async def _listen(self) -> None:
        async with self._events.subscribe(STOP_TOPIC) as events:
            async for topic, _event in events:
                self._stop(topic.removeprefix(STOP_TOPIC))

    def _stop(self, message_id: str) -> None:
        running = self._running.get(message_id)
        if running is not None:
            running.stop_asked = True
            running.cancel()

    async def _tend(self) -> None:
        """Store all running answers now and then, in one transaction for all."""
        renewed = 0.0
        now = asyncio.get_running_loop().time
        while self._running:
            await asyncio.sleep(FLUSH_SECONDS)
            grown = {
                key: text
                for key, running in self._running.items()
                if (text := running.take_unflushed()) is not None
            }
            try:
                if grown:
                    await self._in_thread(self._transcript.flush, grown)
                if now() - renewed >= RENEW_SECONDS:
                    renewed = now()
                    await self._renew()
            except SQLAlchemyError:
                # The end of each answer stores its whole text again.
                logger.exception("Running answers were not stored")

    async def _renew(self) -> None:
        held = {
            key: running.attempt for key, running in self._running.items() if not running.settling
        }
        changed = await self._in_thread(self._leases.renew, held)
        for key in changed.stopped:
            self._stop(key)
        for key in changed.lost:
            if running := self._running.get(key):
                logger.warning("Answer %s was taken over by another process, or ended there", key)
                running.leave()

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

"""Runs durable jobs: plain threads inside the web process, or `python -m clone_studio.worker`."""

import asyncio
import logging
import signal
import threading

from sqlalchemy.exc import SQLAlchemyError

from clone_studio.bootstrap import Services, services
from clone_studio.errors import StudioError
from clone_studio.logs import set_up
from clone_studio.services.connections import LOOK_SECONDS
from clone_studio.services.job_runner import IDLE_SECONDS, JobRunner
from clone_studio.services.jobs import TEND
from clone_studio.services.sweeping import KINDS
from clone_studio.upkeep import migrator

logger = logging.getLogger(__name__)

SHARED_IDLE_SECONDS = 0.5


class Worker(JobRunner):
    """The job threads of one process.

    Embedding a large file takes minutes, and so does an index: they have a thread of their own,
    so that they never keep a new file from being read. So has deleting at a service elsewhere,
    which may be away.

    Args:
        studio: The services of this process.
        ingesters: How many documents are read at the same time; with 0 this process leaves all
            work to others.
    """

    def __init__(self, studio: Services, *, ingesters: int) -> None:
        lanes = [("embed", "forget", TEND), *[("ingest",)] * ingesters, KINDS] if ingesters else []
        # Only the process that queues a job is woken by it. Where several share a database, the
        # others look often: somebody waits for a document to be read.
        idle = IDLE_SECONDS if studio.database.is_sqlite else SHARED_IDLE_SECONDS
        super().__init__(studio.jobs, lanes, idle=idle)
        self._studio = studio

    def start(self) -> None:
        """Take up what was left undone, and begin to work."""
        super().start()
        waiting = self._studio.ingester.resume()
        if waiting:
            logger.info("%d files wait for search by meaning", waiting)
        self._studio.store.clear_abandoned()


def main() -> None:
    """Run jobs until a signal ends the process."""
    studio = services()
    set_up(studio.settings.log_level, studio.stored.secrets)
    ended = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: ended.set())
    try:
        migrator(studio).run()
    except StudioError as error:
        raise SystemExit(f"studio: {error.detail}") from None
    worker = Worker(studio, ingesters=max(1, studio.settings.ingest_workers))
    worker.start()
    while not ended.wait(LOOK_SECONDS):
        _catch_up(studio)
    worker.stop()
    studio.embedder.close()
    studio.knowledge.close()
    # The last news of this process still have to reach the others.
    studio.events.close()
    studio.cache.close()
    studio.database.dispose()


def _catch_up(studio: Services) -> None:
    """Follow the settings that were entered in the studio: they choose the embedding model."""
    try:
        asyncio.run(studio.connections.catch_up())
    except SQLAlchemyError:
        logger.exception("The stored settings could not be read")


if __name__ == "__main__":
    main()

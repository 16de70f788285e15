"""Runs durable jobs: plain threads inside the web process, or `python -m clone_studio.worker`."""

import logging
import signal
import threading

from clone_studio.bootstrap import Services, services
from clone_studio.logs import set_up
from clone_studio.services.job_runner import JobRunner

logger = logging.getLogger(__name__)


class Worker(JobRunner):
    """The job threads of one process.

    Embedding a large file takes minutes: it has a thread of its own, so that it never keeps a
    new file from being read.
    """

    def __init__(self, studio: Services) -> None:
        reading = [("ingest",)] * studio.settings.ingest_workers
        super().__init__(studio.jobs, [("embed", "forget"), *reading])
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
    worker = Worker(studio)
    worker.start()
    ended.wait()
    worker.stop()


if __name__ == "__main__":
    main()

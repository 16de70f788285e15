"""Runs durable jobs in threads: inside the web process, or alone by `python -m`."""

import logging
import signal
import threading
from collections.abc import Callable, Mapping

from clone_studio.bootstrap import Services, services
from clone_studio.errors import DocumentError, ProviderError, StudioError
from clone_studio.services.jobs import Claim, process_owner
from clone_studio.services.knowledge.child import Cancelled

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
BEAT_SECONDS = 8.0
Handler = Callable[[str, Callable[[], bool]], None]


class Workers:
    """The worker threads of one process.

    Reading and embedding have threads of their own, so that a file never waits for another
    one's vectors.

    Args:
        studio: The services whose jobs are run.
    """

    def __init__(self, studio: Services) -> None:
        self._studio = studio
        self._jobs = studio.jobs
        self._owner = process_owner()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._handlers: Mapping[str, Handler] = {
            "ingest": studio.ingester.ingest,
            "embed": studio.ingester.embed,
        }

    def start(self) -> None:
        """Take over what a killed process left, and begin to work."""
        freed = self._jobs.release_dead()
        waiting = self._studio.files.resume_embedding(self._studio.embedder.model)
        if freed or waiting:
            logger.info("jobs resumed: %d of a process that is gone, %d files", freed, waiting)
        lanes = ["ingest"] * self._studio.settings.ingest_workers + ["embed"]
        for number, kind in enumerate(lanes):
            thread = threading.Thread(
                target=self._run, args=(kind,), name=f"worker-{number}-{kind}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float = 10.0) -> None:
        """Ask every thread to stop; what it was doing is done again by the next process."""
        self._stopping.set()
        self._jobs.wake()
        for thread in self._threads:
            thread.join(seconds)

    def _run(self, kind: str) -> None:
        while not self._stopping.is_set():
            claim = self._jobs.claim(self._owner, [kind])
            if claim is None:
                self._jobs.wait(POLL_SECONDS)
            else:
                self._do(claim)

    def _do(self, claim: Claim) -> None:
        lost = threading.Event()
        done = threading.Event()
        beating = threading.Thread(target=self._beat, args=(claim, lost, done), daemon=True)
        beating.start()
        try:
            self._handlers[claim.kind](
                claim.subject_id, lambda: lost.is_set() or self._stopping.is_set()
            )
            self._jobs.finish(claim)
            logger.info("job done kind=%s subject=%s", claim.kind, claim.subject_id)
        except Cancelled:
            # Cancelled jobs are settled already; at a stop the next process takes this one.
            if self._stopping.is_set() and not lost.is_set():
                self._jobs.give_back(claim)
        except StudioError as error:
            self._failed(claim, error)
        except Exception as error:
            # The boundary of a thread: a fault in one job must not end the work of all others.
            logger.exception("job broke kind=%s subject=%s", claim.kind, claim.subject_id)
            self._failed(claim, _unknown(error))
        finally:
            done.set()
            beating.join()

    def _failed(self, claim: Claim, error: StudioError) -> None:
        retry = isinstance(error, ProviderError) and error.retryable
        logger.info(
            "job failed kind=%s subject=%s code=%s", claim.kind, claim.subject_id, error.code
        )
        again = self._jobs.fail(claim, error.detail, retry=retry)
        if claim.kind == "embed":
            later = " It is tried again by itself." if again else ""
            self._studio.ingester.fail_embedding(claim.subject_id, error.detail + later)
        elif not isinstance(error, DocumentError):
            self._studio.ingester.fail(
                claim.subject_id, DocumentError(error.detail, code="unreadable")
            )

    def _beat(self, claim: Claim, lost: threading.Event, done: threading.Event) -> None:
        # The first looks are quick, so that a cancelled file stops at once.
        while not done.wait(0.5):
            if not self._jobs.still_mine(claim):
                lost.set()
                return
            self._jobs.beat_when_due(claim, BEAT_SECONDS)


def _unknown(error: Exception) -> StudioError:
    return StudioError(
        f"Reading this file failed in an unexpected way ({type(error).__name__}). Try again; "
        "if it fails again, export the file anew."
    )


def main() -> None:
    """Run the worker until it is asked to stop."""
    logging.basicConfig(level=services().settings.log_level)
    services().database.migrate()
    workers = Workers(services())
    workers.start()
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    asked.wait()
    workers.stop()


if __name__ == "__main__":
    main()

"""The threads that do a process's jobs."""

import logging
import threading
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from clone_studio.errors import ProviderError, StudioError
from clone_studio.services.jobs import LEASE_SECONDS, JobAgain, JobLost, JobQueue, RunningJob

logger = logging.getLogger(__name__)

IDLE_SECONDS = 5.0
BEAT_SECONDS = LEASE_SECONDS / 12


class WorkFailed(ProviderError):
    """Something unforeseen: tried again, then given up with a sentence."""

    code = "work_failed"


class JobRunner:
    """The threads that do the jobs of one process.

    Args:
        jobs: The queue; it knows how each kind of job is done.
        lanes: The kinds of job that each thread takes, one entry a thread.
        idle: Seconds between two looks at the queue, where nobody wakes this runner.
    """

    def __init__(
        self, jobs: JobQueue, lanes: Sequence[Sequence[str]], *, idle: float = IDLE_SECONDS
    ) -> None:
        self._jobs = jobs
        self._idle = idle
        self._lanes = lanes
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Take over what a killed process left, and begin to work."""
        freed = self._jobs.release_dead()
        if freed:
            logger.info("Took over %d jobs of a process that had ended", freed)
        if not self._lanes:
            return
        for number, lane in enumerate(self._lanes):
            self._spawn(f"jobs-{number}-{lane[0]}", lane)
        beat = threading.Thread(target=self._keep_leases, name="jobs-beat", daemon=True)
        beat.start()
        self._threads.append(beat)

    def stop(self, timeout: float = 10.0) -> None:
        """Stop taking jobs, end those that run and give them back, within `timeout` seconds."""
        self._stopping.set()
        for job in self._jobs.held():
            job.stop()
        self._jobs.wake()
        for thread in self._threads:
            thread.join(timeout)

    def _spawn(self, name: str, lane: Sequence[str]) -> None:
        thread = threading.Thread(target=self._work, args=(lane,), name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self, lane: Sequence[str]) -> None:
        while not self._stopping.is_set():
            try:
                job = self._jobs.claim(lane)
            except SQLAlchemyError:
                logger.exception("The job queue could not be read")
                job = None
            if job is None:
                if not self._stopping.is_set():
                    self._jobs.wait(self._idle)
                continue
            try:
                self.run(job)
            except SQLAlchemyError:
                # The lease runs out and the job is taken again.
                logger.exception("Job %s could not be settled", job.id)
            finally:
                self._jobs.forget(job)

    def run(self, job: RunningJob) -> None:
        """Do one job and settle it, whatever happens."""
        work = self._jobs.works[job.kind]
        try:
            work.run(job)
        except JobLost:
            logger.info("Job %s was stopped, cancelled or taken over", job.id)
            # Does nothing unless the job is still ours, which is when this worker stops.
            self._jobs.release(job)
        except JobAgain as again:
            self._jobs.again(job, again.after)
        except StudioError as error:
            self._failed(job, error)
        except Exception:
            # A thread's last line of defence: one bad job must not end the thread that all
            # other jobs need. The log has the traceback, the user a sentence.
            logger.exception("Job %s (%s) failed", job.id, job.kind)
            self._failed(job, WorkFailed("Something unexpected happened. Try again."))
        else:
            self._jobs.finish(job)

    def _failed(self, job: RunningJob, error: StudioError) -> None:
        if self._stopping.is_set() and job.stopped.is_set():
            self._jobs.release(job)
            return
        logger.warning("Job %s (%s) failed: %s", job.id, job.kind, error.detail)
        if not self._jobs.fail(job, error):
            self._jobs.works[job.kind].give_up(job, error)

    def _keep_leases(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            running = self._jobs.held()
            try:
                for job in running:
                    if not self._jobs.beat(job):
                        job.stop()
                self._jobs.release_dead()
            except SQLAlchemyError:
                logger.exception("The leases of running jobs could not be renewed")

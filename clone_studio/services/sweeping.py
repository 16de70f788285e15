"""Deletes vectors at a service elsewhere, by jobs that outlast crashes and long outages.

A deletion in the studio is one transaction; the service is told afterwards, again and again until
a look finds nothing left. What was on its way there when its file was deleted arrives late: a last
look, when no such write can be under way any more, takes that, too.
"""

import logging

from sqlmodel import Session

from clone_studio.db import Database
from clone_studio.errors import ProviderError, StudioError
from clone_studio.providers.search.protocol import RemoteVectors
from clone_studio.services.jobs import JobAgain, JobQueue, RunningJob, Work

logger = logging.getLogger(__name__)

SWEEP, LAST_SWEEP = "sweep", "sweep-last"
KINDS = (SWEEP, LAST_SWEEP)
LOOK_AGAIN_SECONDS = 5.0
# An outage, or a key that is wrong, may last for days: what is to be deleted waits for its end.
AWAY_SECONDS = 120.0
# Longer than a write that was begun can take, with every retry of the service's client.
LAST_LOOK_SECONDS = 900.0


def request_sweep(jobs: JobQueue, session: Session, persona_id: str) -> None:
    """Queue the deletion of what no row of a clone knows any more, in the caller's transaction."""
    jobs.enqueue(session, SWEEP, persona_id, {})


class Sweeper:
    """Does the jobs `sweep` and `sweep-last`; the subject of both is a clone.

    Args:
        database: Where the jobs are.
        vectors: The store elsewhere.
        jobs: Where the work comes from; `register` makes it known there.
    """

    def __init__(self, database: Database, *, vectors: RemoteVectors, jobs: JobQueue) -> None:
        self._database = database
        self._vectors = vectors
        self._jobs = jobs

    def register(self) -> None:
        """Have the queue's jobs of both kinds done here."""
        for kind in KINDS:
            self._jobs.register(kind, Work(self.sweep, self.give_up))

    def sweep(self, job: RunningJob) -> None:
        """Delete what no row knows any more.

        Raises:
            JobAgain: Something was deleted, so that another look is due, or the service is away.
        """
        try:
            is_clean = self._vectors.sweep(job.subject_id)
        except ProviderError as error:
            logger.warning(
                "Vectors of %s wait for their deletion: %s", job.subject_id, error.detail
            )
            raise JobAgain(error.detail, after=AWAY_SECONDS) from error
        if not is_clean:
            raise JobAgain("Another look is due.", after=LOOK_AGAIN_SECONDS)
        if job.kind == SWEEP:
            with self._database.write() as session:
                self._jobs.hold(session, job)
                self._jobs.enqueue(session, LAST_SWEEP, job.subject_id, {}, after=LAST_LOOK_SECONDS)

    def give_up(self, job: RunningJob, error: StudioError) -> None:
        """Say that vectors may be left at the service."""
        logger.error("Vectors of %s may be left at the service: %s", job.subject_id, error.detail)

"""Durable jobs: rows with a lease that survive the process that runs them."""

import os
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlmodel import Session, col, or_, select, update

from clone_studio.db import Database, utc_now
from clone_studio.models import Job

LEASE_SECONDS = 30
MAX_ATTEMPTS = 5
BACKOFF_SECONDS = (2, 10, 60, 300)
ACTIVE = ("queued", "running")


@dataclass(frozen=True)
class Claim:
    """A job that belongs to the caller until its lease ends."""

    id: str
    kind: str
    subject_id: str
    payload: Mapping[str, Any]
    attempts: int
    owner: str


class JobQueue:
    """Puts jobs into the database and hands each to one worker at a time.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._news = threading.Condition()

    def wait(self, seconds: float) -> None:
        """Wait until a job was added in this process, at most `seconds`."""
        with self._news:
            self._news.wait(seconds)

    def wake(self) -> None:
        """End every wait now."""
        with self._news:
            self._news.notify_all()

    def enqueue(
        self, session: Session, kind: str, subject_id: str, payload: Mapping[str, Any]
    ) -> None:
        """Add a job in the caller's transaction, unless the same work is waiting already."""
        waiting = session.exec(
            select(Job.id).where(
                Job.kind == kind, Job.subject_id == subject_id, Job.state == "queued"
            )
        ).first()
        if waiting is None:
            session.add(Job(kind=kind, subject_id=subject_id, payload=dict(payload)))
            event.listen(session, "after_commit", lambda _session: self.wake(), once=True)

    def claim(self, owner: str, kinds: Sequence[str]) -> Claim | None:
        """Take the oldest job that is due, or whose lease has ended; None when there is none."""
        now = utc_now()
        due = or_(
            (col(Job.state) == "queued") & (col(Job.run_after) <= now),
            (col(Job.state) == "running") & (col(Job.lease_until) < now),
        )
        pick = (
            select(Job).where(col(Job.kind).in_(kinds), due).order_by(col(Job.run_after)).limit(1)
        )
        with self._db.read() as session:
            if session.exec(pick).first() is None:
                return None
        with self._db.write() as session:
            job = session.exec(pick.with_for_update(skip_locked=True)).first()
            if job is None:
                return None
            job.state, job.lease_owner, job.attempts = "running", owner, job.attempts + 1
            job.lease_until = now + timedelta(seconds=LEASE_SECONDS)
            job.updated_at = now
            session.add(job)
            return Claim(job.id, job.kind, job.subject_id, job.payload, job.attempts, owner)

    def still_mine(self, claim: Claim) -> bool:
        """Whether the job is the caller's: not cancelled, not taken over."""
        with self._db.read() as session:
            job = session.get(Job, claim.id)
        return job is not None and job.state == "running" and job.lease_owner == claim.owner

    def beat_when_due(self, claim: Claim, every: float) -> None:
        """Move the lease on when `every` seconds of it have passed."""
        now = utc_now()
        due = now + timedelta(seconds=LEASE_SECONDS - every)
        with self._db.read() as session:
            job = session.get(Job, claim.id)
        if job is None or job.lease_until is None or job.lease_until > due:
            return
        with self._db.write() as session:
            session.exec(
                update(Job)
                .where(
                    col(Job.id) == claim.id,
                    col(Job.lease_owner) == claim.owner,
                    col(Job.state) == "running",
                )
                .values(lease_until=now + timedelta(seconds=LEASE_SECONDS))
            )

    def give_back(self, claim: Claim) -> None:
        """Queue an unfinished job again, at once: its process is about to stop."""
        self._settle(claim, state="queued", attempts=claim.attempts - 1, run_after=utc_now())

    def finish(self, claim: Claim) -> None:
        """Mark the job done."""
        self._settle(claim, state="done", error=None)

    def fail(self, claim: Claim, error: str, *, retry: bool) -> bool:
        """Mark the job failed, or queue it again later; return whether it will be tried again."""
        again = retry and claim.attempts < MAX_ATTEMPTS
        wait = BACKOFF_SECONDS[min(claim.attempts, len(BACKOFF_SECONDS)) - 1]
        self._settle(
            claim,
            state="queued" if again else "failed",
            error=error[:500],
            run_after=utc_now() + timedelta(seconds=wait),
        )
        return again

    def cancel(self, session: Session, subject_id: str) -> None:
        """Cancel every job of a subject; a running one notices at its next beat."""
        session.exec(
            update(Job)
            .where(col(Job.subject_id) == subject_id, col(Job.state).in_(ACTIVE))
            .values(state="cancelled", lease_owner=None, lease_until=None, updated_at=utc_now())
        )

    def release_dead(self) -> int:
        """Free at once the jobs of processes of this machine that are gone; return how many.

        Without this a job of a killed studio would wait for its lease to end.
        """
        freed = 0
        with self._db.write() as session:
            for job in session.exec(select(Job).where(Job.state == "running")).all():
                if owner_is_dead(job.lease_owner or ""):
                    job.state, job.lease_owner, job.lease_until = "queued", None, None
                    job.run_after = utc_now()
                    session.add(job)
                    freed += 1
        return freed

    def _settle(self, claim: Claim, **values: Any) -> None:
        with self._db.write() as session:
            session.exec(
                update(Job)
                .where(col(Job.id) == claim.id, col(Job.lease_owner) == claim.owner)
                .values(lease_owner=None, lease_until=None, updated_at=utc_now(), **values)
            )


def process_owner() -> str:
    """Return the name under which this process holds leases: host, process and its start."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{_started(os.getpid())}"


def owner_is_dead(owner: str) -> bool:
    """Whether a lease belongs to a process of this machine that no longer runs.

    The start time tells a process from a later one that got the same number.
    """
    host, _, rest = owner.partition(":")
    pid, _, started = rest.partition(":")
    if host != socket.gethostname()[:40] or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return started != _started(int(pid))


def _started(pid: int) -> str:
    """Return when a process started, as the kernel counts; empty where that is not told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # A process that has ended and waits for its parent does not run any more.
    return "ended" if fields[0] == "Z" else fields[19]

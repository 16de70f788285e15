"""Durable work: rows with a lease, taken by whoever is free and given back when its owner dies.

A job is queued with the rows it is about, in one transaction. The lease decides who works on
it: each transaction of the work first calls `hold`, so that a process that lost its lease can
change nothing any more.
"""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import and_, event, or_, update
from sqlmodel import Session, col, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import StudioError
from clone_studio.models import Job

LEASE_SECONDS = 60
# The kind of the one job that makes search quick where there is much; it is about all clones.
TEND, ALL = "tend", "all"
MOST_ATTEMPTS = 6
FIRST_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 300.0


class JobLost(StudioError):
    """The job was cancelled, or belongs to another worker by now: stop and change nothing."""

    code = "job_lost"


class JobMoot(StudioError):
    """What the job was about is gone: nothing is left to do."""

    code = "job_moot"


class JobAgain(StudioError):
    """The job is not through and goes to the end of the queue, so that others get a turn.

    `after` is how many seconds it rests there.
    """

    code = "job_again"

    def __init__(self, detail: str, *, after: float = 0.0) -> None:
        super().__init__(detail)
        self.after = after


@dataclass
class RunningJob:
    """A job that this worker holds.

    `attempts` counts how often it was taken, this time included; `stopped` is set when it was
    cancelled, lost or the worker is stopping.
    """

    id: str
    kind: str
    subject_id: str
    payload: dict[str, Any]
    attempts: int
    owner: str
    stopped: threading.Event = field(default_factory=threading.Event)
    _stoppers: list[Callable[[], None]] = field(default_factory=list)

    def on_stop(self, stopper: Callable[[], None]) -> None:
        """Have `stopper` called when the job has to stop; at once when it has to already."""
        self._stoppers.append(stopper)
        if self.stopped.is_set():
            stopper()

    def stop(self) -> None:
        """Tell the work to end; callable from any thread."""
        self.stopped.set()
        for stopper in tuple(self._stoppers):
            stopper()


Handler = Callable[[RunningJob], None]
GiveUp = Callable[[RunningJob, StudioError], None]


@dataclass(frozen=True)
class Work:
    """How a kind of job is done: `run` does it, `give_up` is told when it never will be."""

    run: Handler
    give_up: GiveUp


class JobQueue:
    """Queues jobs and hands them out. Safe to share by threads.

    Args:
        database: Where the rows are.
        owner: Name of this process; only tests give another one.
    """

    def __init__(self, database: Database, *, owner: str | None = None) -> None:
        self._database = database
        self.owner = owner or process_owner()
        self.works: dict[str, Work] = {}
        self._held: dict[str, RunningJob] = {}
        self._lock = threading.Lock()
        self._news = threading.Condition()

    def register(self, kind: str, work: Work) -> None:
        """Say how jobs of `kind` are done in this process."""
        self.works[kind] = work

    def enqueue(
        self,
        session: Session,
        kind: str,
        subject_id: str,
        payload: dict[str, Any],
        *,
        after: float = 0.0,
    ) -> str:
        """Queue a job in the caller's transaction and return its id.

        A job of the same kind and subject that still waits is used again. It is taken `after`
        seconds or later.
        """
        waiting = session.exec(
            select(Job)
            .where(Job.kind == kind, Job.subject_id == subject_id, Job.state == "queued")
            # One that is being taken at this moment may have seen too little already.
            .with_for_update(skip_locked=True)
        ).first()
        job = waiting or Job(kind=kind, subject_id=subject_id)
        job.payload, job.updated_at = payload, utc_now()
        job.run_after = job.updated_at + timedelta(seconds=after)
        session.add(job)
        event.listen(session, "after_commit", lambda _session: self.wake(), once=True)
        return job.id

    def hurry(self, session: Session, kind: str) -> None:
        """Let the waiting jobs of a kind begin at once, in the caller's transaction.

        Their reason to wait, a service that failed, may be gone.
        """
        waiting = (
            select(Job.id)
            .where(Job.kind == kind, Job.state == "queued", col(Job.run_after) > utc_now())
            .with_for_update(skip_locked=True)
        )
        session.execute(
            update(Job)
            .where(col(Job.id).in_(waiting))
            .values(run_after=utc_now(), updated_at=utc_now())
        )
        event.listen(session, "after_commit", lambda _session: self.wake(), once=True)

    def lock(self, session: Session, subject_id: str) -> None:
        """Keep every job about `subject_id` as it is until the caller's transaction ends.

        To be called before rows that those jobs change are locked: the work locks its job first.
        """
        query = select(Job.id).where(Job.subject_id == subject_id).order_by(col(Job.id))
        session.exec(query.with_for_update()).all()

    def cancel(self, session: Session, *subjects: str) -> None:
        """Cancel every job about one of `subjects`, in the caller's transaction."""
        session.execute(
            update(Job)
            .where(col(Job.subject_id).in_(subjects), col(Job.state).in_(("queued", "running")))
            .values(state="cancelled", lease_owner=None, lease_until=None, updated_at=utc_now())
        )

        def stop(_session: Session) -> None:
            for job in self.held():
                if job.subject_id in subjects:
                    job.stop()

        event.listen(session, "after_commit", stop, once=True)

    def held(self) -> list[RunningJob]:
        """Return the jobs that this process works on."""
        with self._lock:
            return list(self._held.values())

    def claim(self, kinds: Sequence[str]) -> RunningJob | None:
        """Take the job of these kinds that is due longest, None when there is none."""
        now = utc_now()
        due = or_(
            and_(col(Job.state) == "queued", col(Job.run_after) <= now),
            and_(col(Job.state) == "running", col(Job.lease_until) < now),
        )
        query = select(Job).where(col(Job.kind).in_(kinds), due).order_by(col(Job.run_after))
        with self._database.read() as session:
            if session.exec(query.limit(1)).first() is None:
                return None
        with self._database.write() as session:
            job = session.exec(query.limit(1).with_for_update(skip_locked=True)).first()
            if job is None:
                return None
            job.state, job.lease_owner = "running", self.owner
            job.lease_until = now + timedelta(seconds=LEASE_SECONDS)
            job.attempts += 1
            job.updated_at = now
            session.add(job)
            running = RunningJob(
                job.id, job.kind, job.subject_id, dict(job.payload), job.attempts, self.owner
            )
        with self._lock:
            self._held[running.id] = running
        return running

    def hold(self, session: Session, job: RunningJob) -> None:
        """Make sure that `job` is still ours, and stays so until the caller's transaction ends.

        Its row is locked, so that nobody takes or cancels it meanwhile.

        Raises:
            JobLost: It was cancelled or taken over: roll back.
        """
        row = session.get(Job, job.id, with_for_update=True)
        if row is None or row.state != "running" or row.lease_owner != job.owner:
            raise JobLost("This work was cancelled or taken over.")
        if row.attempts != job.attempts:
            raise JobLost("This work was taken over.")

    def beat(self, job: RunningJob) -> bool:
        """Renew the lease; False when the job is not ours any more."""
        with self._database.write() as session:
            try:
                self.hold(session, job)
            except JobLost:
                return False
            row = session.get_one(Job, job.id)
            row.lease_until = utc_now() + timedelta(seconds=LEASE_SECONDS)
            session.add(row)
        return True

    def forget(self, job: RunningJob) -> None:
        """Count a job as no longer worked on here, without touching its row."""
        with self._lock:
            if self._held.get(job.id) is job:
                del self._held[job.id]

    def finish(self, job: RunningJob) -> None:
        """Mark a job as done, unless it is not ours any more."""
        self._settle(job, state="done")

    def complete(self, session: Session, job: RunningJob) -> None:
        """Mark a job as done in the transaction that does the last of it.

        Whoever sees that the job still runs may then rely on it to see what they wrote.
        """
        row = session.get_one(Job, job.id)
        row.state, row.lease_owner, row.lease_until = "done", None, None
        row.updated_at = utc_now()
        session.add(row)

    def again(self, job: RunningJob, after: float = 0.0) -> None:
        """Put a job that is not through at the end of the queue; this was no failed attempt."""
        run_after = utc_now() + timedelta(seconds=after)
        self._settle(job, state="queued", run_after=run_after, attempts=0)
        self.wake()

    def release(self, job: RunningJob) -> None:
        """Give a job back untouched because this worker stops."""
        self._settle(job, state="queued", attempts=max(0, job.attempts - 1))

    def fail(self, job: RunningJob, error: StudioError) -> bool:
        """Record a failure; return whether the job is tried again later."""
        again = error.retryable and job.attempts < MOST_ATTEMPTS
        delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (job.attempts - 1))
        self._settle(
            job,
            state="queued" if again else "failed",
            run_after=utc_now() + timedelta(seconds=delay),
            error=error.detail[:500],
        )
        return again

    def release_dead(self) -> int:
        """Queue again what processes of this machine held when they were killed."""
        with self._database.read() as session:
            query = select(Job.lease_owner).where(Job.state == "running").distinct()
            owners = session.exec(query).all()
        dead = [owner for owner in owners if owner and owner_is_dead(owner)]
        if not dead:
            return 0
        with self._database.write() as session:
            found = session.exec(
                select(Job)
                .where(col(Job.lease_owner).in_(dead), Job.state == "running")
                # Another process frees them, too: one that was taken again is not freed twice.
                .with_for_update(skip_locked=True)
            ).all()
            for job in found:
                job.state, job.lease_owner, job.lease_until = "queued", None, None
                session.add(job)
            return len(found)

    def wait(self, seconds: float) -> None:
        """Wait until a job was queued in this process, at most `seconds`."""
        with self._news:
            self._news.wait(seconds)

    def wake(self) -> None:
        """End every wait now."""
        with self._news:
            self._news.notify_all()

    def _settle(self, job: RunningJob, **values: Any) -> None:
        self.forget(job)
        with self._database.write() as session, suppress(JobLost):
            self.hold(session, job)
            row = session.get_one(Job, job.id)
            released: dict[str, Any] = {"lease_owner": None, "lease_until": None}
            for name, value in (values | released | {"updated_at": utc_now()}).items():
                setattr(row, name, value)
            session.add(row)


@lru_cache(maxsize=1)
def process_owner() -> str:
    """Return a name that no other process, earlier or elsewhere, has: host, boot, pid, start."""
    pid = os.getpid()
    host = socket.gethostname().replace("|", "")[:24]
    return f"{host}|{_boot_id()}|{pid}|{_started(pid)}"


def owner_is_dead(owner: str) -> bool:
    """Say whether `owner` was a process of this machine that does not run any more.

    Of processes elsewhere nothing is known: their leases have to run out.
    """
    host, boot, pid, started = [*owner.split("|"), "", "", "", ""][:4]
    ours = process_owner().split("|")
    if host != ours[0] or not pid.isdecimal():
        return False
    if boot != ours[1]:
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return started != _started(int(pid))


def _boot_id() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    return "-"


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks; "-" where the system does not say."""
    with suppress(OSError, IndexError):
        # The second field is the program's name in brackets and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    return "-"

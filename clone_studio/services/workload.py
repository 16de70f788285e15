"""What the database holds and what waits in it, in a few quick counts."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from clone_studio.db import Database, utc_now
from clone_studio.models import Job, StoredFile

READY = ("ready", "ready_with_warnings")
FAILED_WITHIN = timedelta(days=1)
STUCK_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class Workload:
    """Counts at one moment.

    `files` and `chunks` are those that search serves; `waiting_chunks` are in files whose
    vectors are still to be made, `unembedded_failed` counts files whose vectors could not be.
    """

    engine: str
    schema: str
    bytes: int
    files: int
    chunks: int
    waiting_chunks: int
    unembedded_failed: int
    jobs_running: int
    jobs_waiting: int
    jobs_failed: int
    jobs_stuck: bool


def read(database: Database) -> Workload:
    """Count what there is to do."""
    with database.read() as session:
        connection = session.connection()
        schema = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        by_state = _embedding_states(session)
        jobs = _job_states(session)
        return Workload(
            engine="SQLite" if database.is_sqlite else "PostgreSQL",
            schema=str(schema or "unknown"),
            bytes=database.size(session),
            files=sum(files for files, _ in by_state.values()),
            chunks=sum(chunks for _, chunks in by_state.values()),
            waiting_chunks=sum(by_state.get(one, (0, 0))[1] for one in ("pending", "running")),
            unembedded_failed=by_state.get("failed", (0, 0))[0],
            jobs_running=jobs.get("running", 0),
            jobs_waiting=jobs.get("queued", 0),
            jobs_failed=_failed(session),
            jobs_stuck=not jobs.get("running") and _overdue(session),
        )


def _embedding_states(session: Session) -> dict[str, tuple[int, int]]:
    """Return files and chunks by the state of their vectors."""
    rows = session.exec(
        select(StoredFile.embedding, func.count(), func.sum(StoredFile.chunk_count))
        .where(col(StoredFile.state).in_(READY))
        .group_by(StoredFile.embedding)
    )
    return {state: (files, chunks or 0) for state, files, chunks in rows}


def _job_states(session: Session) -> dict[str, int]:
    rows = session.exec(
        select(Job.state, func.count())
        .where(col(Job.state).in_(("queued", "running")))
        .group_by(Job.state)
    )
    return dict(rows.all())


def _failed(session: Session) -> int:
    query = select(func.count()).where(
        Job.state == "failed", col(Job.updated_at) > utc_now() - FAILED_WITHIN
    )
    return session.exec(query).one()


def _overdue(session: Session) -> bool:
    query = select(Job.id).where(
        Job.state == "queued", col(Job.run_after) < utc_now() - STUCK_AFTER
    )
    return session.exec(query.limit(1)).first() is not None

"""Durable work: rows that survive the process that runs them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from clone_studio.models.base import json_column, key, moment


class Job(SQLModel, table=True):
    """One piece of work. `state` is queued, running, done, failed or cancelled.

    A running job belongs to `lease_owner` until `lease_until`; the heartbeat moves that
    moment on. After it anyone may take the job again.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_run_after", "state", "run_after"),
        Index("ix_jobs_kind_subject_id", "kind", "subject_id"),
    )

    id: str = key()
    kind: str = Field(max_length=40)
    subject_id: str = Field(max_length=36)
    payload: dict[str, Any] = json_column(dict)
    state: str = Field(default="queued", max_length=10)
    attempts: int = 0
    lease_owner: str | None = Field(default=None, max_length=80)
    lease_until: datetime | None = moment(default_now=False)
    run_after: datetime = moment()
    error: str | None = Field(default=None, max_length=500)
    created_at: datetime = moment()
    updated_at: datetime = moment()

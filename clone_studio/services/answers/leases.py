"""Who writes an answer: a lease that its process renews, and that another takes when it ends.

As with jobs, the lease decides and not which process began. What was lost is written anew from
its question, because a model's stream cannot be continued elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select as sql_select
from sqlalchemy import update
from sqlmodel import Session, col, select

from clone_studio.db import Database, utc_now
from clone_studio.models import Conversation, Message, Persona
from clone_studio.services.answers.speaker import speaker_of
from clone_studio.services.answers.transcript import LEASE, LOST, STREAMING, Opened
from clone_studio.services.jobs import owner_is_dead, process_owner

RENEW_BELOW = timedelta(seconds=10)
# A question that brings down whoever answers it must not go round for ever.
MOST_ATTEMPTS = 5
# Who asked has long gone after this: the answer is not paid for a second time.
WORTH_WRITING = timedelta(minutes=10)


_LEASES = sql_select(
    col(Message.id),
    col(Message.attempts),
    col(Message.lease_owner),
    col(Message.lease_until),
    col(Message.stop_asked),
)


@dataclass(frozen=True)
class Taken:
    """An answer that this process writes anew; `earlier` is what was written of it before."""

    opened: Opened
    user_id: str
    question: str
    attempt: int
    earlier: str


@dataclass(frozen=True)
class Changed:
    """Which of this process's answers others have asked to stop, and which are not its any more."""

    stopped: frozenset[str]
    lost: frozenset[str]


class AnswerLeases:
    """Takes, renews and gives back answers. Blocking: called in threads.

    Args:
        database: Where messages are.
        owner: Name of this process; only tests give another one.
    """

    def __init__(self, database: Database, *, owner: str | None = None) -> None:
        self._database = database
        self.owner = owner or process_owner()

    def renew(self, held: Mapping[str, int]) -> Changed:
        """Keep this process's answers, given by id and attempt; tell what others did to them."""
        with self._database.read() as session:
            rows = session.execute(
                _LEASES.where(col(Message.id).in_(held), col(Message.state) == STREAMING)
            ).all()
        mine = {
            row.id: row
            for row in rows
            if row.attempts == held[row.id] and row.lease_owner == self.owner
        }
        soon = utc_now() + RENEW_BELOW
        ending = [
            key for key, row in mine.items() if row.lease_until is None or row.lease_until < soon
        ]
        if ending:
            with self._database.write() as session:
                session.execute(
                    update(Message)
                    .where(col(Message.id).in_(ending), col(Message.lease_owner) == self.owner)
                    .values(lease_until=utc_now() + LEASE)
                )
        return Changed(
            frozenset(key for key, row in mine.items() if row.stop_asked),
            frozenset(held.keys() - mine.keys()),
        )

    def ask_stop(self, message_id: str) -> None:
        """Tell whoever writes an answer to end it."""
        with self._database.write() as session:
            session.execute(
                update(Message)
                .where(col(Message.id) == message_id, col(Message.state) == STREAMING)
                .values(stop_asked=True)
            )

    def give_back(self, message_id: str, attempt: int) -> None:
        """Let another process, or the next start of this one, write an answer at once."""
        with self._database.write() as session:
            session.execute(
                update(Message)
                .where(
                    col(Message.id) == message_id,
                    col(Message.attempts) == attempt,
                    col(Message.lease_owner) == self.owner,
                )
                .values(lease_owner=None, lease_until=utc_now(), updated_at=utc_now())
            )

    def take_over(self, running: Sequence[str], most: int) -> list[Taken]:
        """Take answers whose process has ended; those that cannot be written anew end here.

        Args:
            running: Ids of the answers that this process writes.
            most: How many to take.
        """
        with self._database.read() as session:
            found = session.execute(_LEASES.where(col(Message.state) == STREAMING)).all()
        lost = [
            row.id
            for row in found
            if self._is_lost(row.id, row.lease_owner, row.lease_until, running)
        ]
        if not lost:
            return []
        taken: list[Taken] = []
        with self._database.write() as session:
            rows = session.exec(
                select(Message)
                .where(col(Message.id).in_(lost[:most]), Message.state == STREAMING)
                .with_for_update(skip_locked=True)
            ).all()
            for row in rows:
                # Another process may have been quicker.
                if self._is_lost(row.id, row.lease_owner, row.lease_until, running):
                    one = self._taken(session, row)
                    taken += [one] if one else []
        return taken

    def _is_lost(
        self, key: str, owner: str | None, until: datetime | None, running: Sequence[str]
    ) -> bool:
        if key in running:
            return False
        # Of a process of this machine one knows at once that it has ended.
        return owner is None or until is None or until < utc_now() or owner_is_dead(owner)

    def _taken(self, session: Session, row: Message) -> Taken | None:
        opened = None if row.stop_asked else self._opened(session, row)
        if opened is None:
            row.state = "stopped" if row.stop_asked else "interrupted"
            if not row.stop_asked:
                row.error, row.error_code = LOST, "provider_interrupted"
            row.updated_at = utc_now()
            return None
        user_id, question, ids = opened
        earlier, row.content = row.content, ""
        row.attempts += 1
        row.lease_owner, row.lease_until = self.owner, utc_now() + LEASE
        return Taken(ids, user_id, question, row.attempts, earlier)

    def _opened(self, session: Session, row: Message) -> tuple[str, str, Opened] | None:
        """Return who asked what, None for an answer that is not written anew."""
        began = row.lease_until or row.updated_at
        if row.attempts >= MOST_ATTEMPTS or utc_now() - began > WORTH_WRITING:
            return None
        asked: Any = session.get(Message, row.parent_id) if row.parent_id else None
        thread = session.get(Conversation, row.thread_id)
        persona = session.get(Persona, thread.persona_id) if thread else None
        if asked is None or asked.role != "user" or thread is None or persona is None:
            return None
        ids = Opened(speaker_of(persona), thread.id, asked.id, row.id, asked.parent_id)
        return thread.user_id, asked.content, ids

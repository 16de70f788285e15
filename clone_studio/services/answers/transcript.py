"""What an answer leaves in the database: the two messages, the text as it grows, the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import Conflict, InvalidInput, NotFound, StudioError
from clone_studio.models import Conversation, Message
from clone_studio.providers.llm.protocol import ChatTurn
from clone_studio.services.answers.speaker import Speaker, speaker_of
from clone_studio.services.conversations import MessageInfo, message_info, thread_row, title_of
from clone_studio.services.personas import persona_row

HISTORY_MESSAGES = 24
ROOT = "root"
STREAMING = "streaming"
LOST = (
    "The studio was stopped while this answer was being written. What was written is kept. "
    "Ask again for a whole answer."
)
# For so long an answer belongs to the process that began it; renewed by `leases.py`.
LEASE = timedelta(seconds=15)
_TICK = timedelta(microseconds=1)


class TakenOver(StudioError):
    """An answer belongs to another process by now: change nothing and say nothing."""

    code = "answer_taken_over"


@dataclass(frozen=True)
class Opened:
    """The ids of a question and its coming answer; `above_id` is the answer before them."""

    speaker: Speaker
    thread_id: str
    user_message_id: str
    message_id: str
    above_id: str | None


@dataclass(frozen=True)
class Ending:
    """How an answer ended."""

    state: str
    text: str
    model: str
    error: str | None = None
    error_code: str | None = None
    citations: Sequence[Mapping[str, Any]] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)
    spans: Sequence[Mapping[str, Any]] = ()


class Transcript:
    """Writes answers. Blocking: called in threads.

    Args:
        database: Where messages are.
        owner: The process that writes, by the name in its leases.
    """

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner

    def speaker(self, user_id: str, ref: str) -> Speaker:
        """Return who answers in the name of a clone of this user.

        Raises:
            NotFound: There is no such clone.
        """
        with self._database.read() as session:
            return speaker_of(persona_row(session, user_id, ref))

    def open(
        self,
        user_id: str,
        ref: str,
        question: str,
        *,
        model: str,
        thread_id: str | None,
        parent_id: str | None,
    ) -> Opened:
        """Store the question and an empty answer below it, in one transaction.

        Args:
            user_id: Who asks.
            ref: A clone of theirs, slug or id.
            question: Checked text.
            model: Who will answer when the clone names no model.
            thread_id: A thread with this clone; None begins one.
            parent_id: The answer above the question; None is the newest message of the
                thread, `ROOT` a new beginning.

        Raises:
            NotFound: There is no such clone, no such thread with it, or no such message in it.
            Conflict: An answer is still being written in this thread.
        """
        with self._database.write() as session:
            speaker = speaker_of(persona_row(session, user_id, ref))
            thread = _thread(session, user_id, speaker.id, thread_id)
            newest = _newest(session, thread.id) if thread_id else None
            above = _above(session, thread.id, parent_id, newest)
            now = max(utc_now(), newest.created_at + _TICK) if newest else utc_now()
            asked = Message(
                thread_id=thread.id, parent_id=above, role="user", content=question, created_at=now
            )
            answer = Message(
                thread_id=thread.id,
                parent_id=asked.id,
                role="assistant",
                model=(speaker.model or model)[:120],
                # Both in the same instant would leave their order to chance.
                created_at=now + _TICK,
                **self._leased(now),
            )
            session.add(asked)
            session.add(answer)
            thread.title = thread.title or title_of(question)
            thread.last_message_at = now
            return Opened(speaker, thread.id, asked.id, answer.id, above)

    def _leased(self, now: datetime) -> dict[str, Any]:
        """Return what an answer has that this process begins to write."""
        return {
            "state": STREAMING,
            "lease_owner": self._owner,
            "lease_until": now + LEASE,
            "attempts": 1,
        }

    def history(self, above_id: str | None) -> list[ChatTurn]:
        """Return the turns that lead to the message `above_id`, oldest first.

        Walks up the branch. A question whose answer failed is left out with it.
        """
        turns: list[ChatTurn] = []
        with self._database.read() as session:
            row = session.get(Message, above_id) if above_id else None
            skipping = False
            for _ in range(HISTORY_MESSAGES):
                if row is None:
                    break
                if row.role == "assistant":
                    skipping = not row.content
                if row.content and not skipping:
                    is_answer = row.role == "assistant"
                    turns.append(ChatTurn("assistant" if is_answer else "user", row.content))
                row = session.get(Message, row.parent_id) if row.parent_id else None
        turns.reverse()
        return turns

    def flush(self, texts: Mapping[str, tuple[int, str]]) -> None:
        """Store the text so far of several running answers, by id, in one transaction.

        Each comes with the attempt it was written in: what another process has taken over
        meanwhile stays as that one writes it.
        """
        rows = [
            {"key": key, "attempt": attempt, "text": text} for key, (attempt, text) in texts.items()
        ]
        with self._database.write() as session:
            session.connection().execute(
                update(Message)
                # An answer that has ended keeps its last text, whatever comes late.
                .where(
                    col(Message.id) == bindparam("key"),
                    col(Message.state) == STREAMING,
                    col(Message.attempts) == bindparam("attempt"),
                )
                .values(content=bindparam("text"), updated_at=utc_now()),
                rows,
            )

    def settle(self, message_id: str, attempt: int, ending: Ending) -> MessageInfo | None:
        """Store how an answer ended, in one transaction; None when its row is gone.

        Raises:
            TakenOver: Another process has taken it over, or ended it.
        """
        with self._database.write() as session:
            row = session.get(Message, message_id, with_for_update=True)
            if row is None:
                return None
            if row.state != STREAMING or row.attempts != attempt or row.lease_owner != self._owner:
                raise TakenOver("Another process writes this answer.")
            row.content = ending.text
            row.state = ending.state
            row.error = ending.error[:500] if ending.error else None
            row.error_code = ending.error_code
            row.model = ending.model[:120]
            row.citations = [dict(one) for one in ending.citations]
            row.usage = dict(ending.usage)
            row.spans = [dict(one) for one in ending.spans]
            row.updated_at = utc_now()
            thread = session.get(Conversation, row.thread_id)
            if thread is not None:
                thread.last_message_at = max(thread.last_message_at, row.updated_at)
            session.flush()
            return message_info(row)


def _thread(session: Session, user_id: str, persona_id: str, thread_id: str | None) -> Conversation:
    if thread_id is None:
        thread = Conversation(persona_id=persona_id, user_id=user_id)
        session.add(thread)
        return thread
    thread = thread_row(session, user_id, thread_id)
    if thread.persona_id != persona_id:
        raise NotFound("There is no such thread with this clone.")
    if session.exec(
        select(Message.id).where(Message.thread_id == thread.id, Message.state == STREAMING)
    ).first():
        raise Conflict(
            "The clone is still answering in this thread. Wait until it has finished, or stop it."
        )
    return thread


def _newest(session: Session, thread_id: str) -> Message | None:
    return session.exec(
        select(Message)
        .where(Message.thread_id == thread_id)
        .order_by(col(Message.created_at).desc(), col(Message.id).desc())
        .limit(1)
    ).first()


def _above(
    session: Session, thread_id: str, parent_id: str | None, newest: Message | None
) -> str | None:
    """Return the id of the answer that a new question stands below."""
    if parent_id is None:
        return newest.id if newest else None
    if parent_id == ROOT:
        return None
    parent = session.get(Message, parent_id)
    if parent is None or parent.thread_id != thread_id:
        raise NotFound("There is no such message in this thread.")
    if parent.role != "assistant":
        raise InvalidInput("A question can only stand below an answer.", field="parentId")
    return parent.id
